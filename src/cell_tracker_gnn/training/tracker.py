"""Training of the tracker's network with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.module import MONITOR, FitSettings, TrackerModule, TrackerWindows

__all__ = ["BEST", "LAST", "fit_tracker", "is_first_process"]

BEST, LAST = "best.ckpt", "last.ckpt"
"""Checkpoints of the best and of the last epoch in the folder of a fit."""

AVERAGE_DECAY = 0.98
"""The weights are averaged over about the last fifty batches, which transfers better to unseen kinds of data."""

PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}

HARMLESS = (
    ".*(LeafSpec|IterableDataset|num_workers|lr_scheduler.step|Checkpoint directory|srun|logging interval|"
    "sync_dist|does not have many workers).*"
)
"""Warnings of Lightning about things that are meant to be so."""


class _Patience(EarlyStopping):
    """Early stopping that also remembers, after a kill, that it had stopped the run."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def fit_tracker(
    network: Network,
    training: Sequence[Example],
    validation: Sequence[Example],
    settings: FitSettings,
    *,
    folder: Path,
    accelerator: str = "cpu",
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger] = (),
    resume: bool = False,
) -> dict[str, float]:
    """Fit a network in place to the best epoch by validation average precision.

    Parameters
    ----------
    network
        The network; it is changed.
    training, validation
        Labelled graphs.
    settings
        How to fit.
    folder
        Where checkpoints go.
    accelerator
        ``"cpu"``, ``"gpu"`` or ``"mps"``.
    callbacks
        Further Lightning callbacks, such as a progress display; they see the averaged weights at the end of a
        validation.
    loggers
        Where scores are logged.
    resume
        Go on after the last epoch that ended, if there is one in ``folder``.

    Returns
    -------
    dict
        Validation scores of the best epoch.
    """
    # Lightning announces devices and advertisements at the level of information.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(settings.seed, verbose=False)
    usable = [example for example in training if example.positive.any()]
    if settings.scaled_by:
        _scale_inputs(network, usable, settings.scaled_by)
    module, data = TrackerModule(network, settings), TrackerWindows(usable, validation, settings)
    last = folder / LAST
    if not resume:
        last.unlink(missing_ok=True)
    trainer = _trainer(settings, folder, accelerator, callbacks, loggers)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=HARMLESS)
        trainer.fit(module, datamodule=data, ckpt_path=str(last) if last.is_file() else None, weights_only=True)
    # Lightning's own checkpoints hold only tensors and plain values here, so they load without running any code.
    best = torch.load(folder / BEST, weights_only=True, map_location="cpu")
    module.load_state_dict(best["state_dict"])
    network.cpu()
    scores = [state["best_model_score"] for state in best["callbacks"].values() if "best_model_score" in state]
    return {"average_precision": next(float(score) for score in scores if score is not None)}


def is_first_process() -> bool:
    """Whether this is the one of several processes that train side by side which writes."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def _scale_inputs(network: Network, examples: Sequence[Example], how: str) -> None:
    cells = [torch.from_numpy(e.graph.cell_features) for e in examples]
    links = [torch.from_numpy(e.graph.link_features) for e in examples]
    network.scale_inputs(cells, links, how)


def _trainer(
    settings: FitSettings, folder: Path, accelerator: str, callbacks: Sequence[Callback], loggers: Sequence[Logger]
) -> lightning.Trainer:
    """A quiet trainer that averages the weights and stops when the validation score no longer rises."""
    return lightning.Trainer(
        max_epochs=settings.epochs,
        accelerator=accelerator,
        devices=settings.devices,
        strategy="auto" if settings.devices == 1 else "ddp",
        precision=PRECISION[settings.precision],
        gradient_clip_val=settings.clip,
        logger=list(loggers) or False,
        callbacks=[
            # Before the averaging, which takes its weights back at the end of a validation.
            *callbacks,
            WeightAveraging(avg_fn=_running_average),
            _Patience(MONITOR, mode="max", patience=settings.patience),
            _checkpoint(folder, BEST, MONITOR),
            # The last one is written last, so that it knows the best one.
            _checkpoint(folder, LAST, None),
        ],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=max(1, min(10, settings.batches)),
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=folder,
    )


def _checkpoint(folder: Path, name: str, monitor: str | None) -> ModelCheckpoint:
    """Keeps the best epoch by the monitor, or without one the last."""
    return ModelCheckpoint(
        folder.resolve(),
        Path(name).stem,
        monitor=monitor,
        mode="max",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def _running_average(averaged: Tensor, current: Tensor, seen: int | Tensor) -> Tensor:
    """Exponential average of the weights that forgets the first batches quickly."""
    count = float(seen)
    decay = min(AVERAGE_DECAY, count / (count + 10.0))
    return decay * averaged + (1.0 - decay) * current
