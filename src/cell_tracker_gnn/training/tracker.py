"""Training of the tracker's network with Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, WeightAveraging
from torch import Tensor
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import binary_average_precision, binary_f1_score

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.training.batches import Batch, WindowStream, whole_batches
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.losses import balanced_link_loss, tracking_loss

__all__ = ["FitSettings", "TrackerModule", "fit_tracker"]


AVERAGE_DECAY = 0.98
"""The weights are averaged over about the last fifty batches, which transfers better to unseen kinds of data."""


MONITOR = "validation_average_precision"

HARMLESS = ".*(LeafSpec|IterableDataset|num_workers|lr_scheduler.step|Checkpoint directory).*"
"""Warnings of Lightning about things that are meant to be so."""


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Parameters
    ----------
    epochs
        Largest number of epochs.
    batches
        Batches per epoch.
    batch_links
        Candidate links per batch, about.
    shortest, longest
        Frames of a training window.
    learning_rate, weight_decay
        Of AdamW, with one cycle of the learning rate.
    patience
        Epochs without a better validation score after which training stops.
    hide_images
        Share of the training windows whose image features are hidden, so that the network copes without images.
    balanced
        Weigh true links by the ratio of false to true ones, as in the paper, instead of the calibrated default loss.
    seed
        Seed of weights and batches.
    """

    epochs: int = 30
    batches: int = 100
    batch_links: int = 20_000
    shortest: int = 6
    longest: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    patience: int = 8
    hide_images: float = 0.25
    balanced: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.batches, self.batch_links, self.patience) < 1 or self.learning_rate <= 0:
            raise SettingsError(f"a number of epochs, batches or links below 1, or no learning rate, in {asdict(self)}")
        if not 2 <= self.shortest <= self.longest:
            raise SettingsError(f"windows of {self.shortest} to {self.longest} frames; give 2 or more, shortest first")


class TrackerModule(lightning.LightningModule):
    """Loss, validation scores and optimiser of a network.

    Parameters
    ----------
    network
        The network to fit; it is changed.
    settings
        How to fit it.
    """

    def __init__(self, network: Network, settings: FitSettings) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self._seen: list[tuple[Tensor, Tensor]] = []

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = self.network(batch.cell_features, batch.link_features, batch.source, batch.target, batch.window)
        if self.settings.balanced:
            return balanced_link_loss(logits.link, batch.positive), logits.link
        return tracking_loss(logits, batch), logits.link

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch."""
        loss, _ = self._loss(batch)
        self.log("loss", loss, prog_bar=True, batch_size=1)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Collect the link scores of one batch."""
        loss, link = self._loss(batch)
        self.log("validation_loss", loss, batch_size=1)
        self._seen.append((link, batch.positive))

    def on_validation_epoch_end(self) -> None:
        """Log average precision and F1 of the links: accuracy would reward linking nothing."""
        link, positive = (torch.cat(column) for column in zip(*self._seen, strict=True))
        self._seen.clear()
        precision = binary_average_precision(link.sigmoid(), positive.long())
        self.log(MONITOR, precision, prog_bar=True)
        self.log("validation_f1", binary_f1_score(link.sigmoid(), positive.long()))

    def configure_optimizers(self) -> Any:
        """AdamW with one cycle of the learning rate."""
        s = self.settings
        optimiser = torch.optim.AdamW(self.parameters(), lr=s.learning_rate, weight_decay=s.weight_decay)
        steps = max(s.epochs * s.batches, 5)
        rise = min(max(0.1, 2.0 / steps), 0.5)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, s.learning_rate, total_steps=steps, pct_start=rise)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def fit_tracker(
    network: Network,
    training: Sequence[Example],
    validation: Sequence[Example],
    settings: FitSettings,
    *,
    folder: Path,
    accelerator: str = "cpu",
    callbacks: Sequence[Callback] = (),
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
        Where checkpoints and logs go.
    accelerator
        ``"cpu"``, ``"gpu"`` or ``"mps"``.
    callbacks
        Further Lightning callbacks, such as a progress display.

    Returns
    -------
    dict
        Validation scores of the best epoch.
    """
    # Lightning announces devices and advertisements at the level of information.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(settings.seed, verbose=False)
    stream = WindowStream(
        training,
        links=settings.batch_links,
        frames=(settings.shortest, settings.longest),
        batches=settings.batches,
        seed=settings.seed,
        hide_images=settings.hide_images,
    )
    check = whole_batches(validation, links=settings.batch_links, frames=settings.longest)
    _standardise(network, stream.examples)
    module = TrackerModule(network, settings)
    best = ModelCheckpoint(folder, filename="best", monitor=MONITOR, mode="max", enable_version_counter=False)
    trainer = _trainer(settings, folder, accelerator, [best, *callbacks])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=HARMLESS)
        trainer.fit(module, DataLoader(stream, batch_size=None), DataLoader(check, batch_size=None))
    # Lightning's own checkpoints hold only tensors and plain values here, so they load without running any code.
    module.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])
    return {"average_precision": float(best.best_model_score or 0.0)}


def _standardise(network: Network, examples: Sequence[Example]) -> None:
    cells = torch.cat([torch.from_numpy(e.graph.cell_features) for e in examples])
    links = torch.cat([torch.from_numpy(e.graph.link_features) for e in examples])
    network.standardise_by(cells, links)


def _trainer(settings: FitSettings, folder: Path, accelerator: str, callbacks: Sequence[Callback]) -> lightning.Trainer:
    """A quiet trainer that averages the weights and stops when the validation score no longer rises."""
    average = WeightAveraging(avg_fn=_running_average)
    stop = EarlyStopping(MONITOR, mode="max", patience=settings.patience)
    return lightning.Trainer(
        max_epochs=settings.epochs,
        accelerator=accelerator,
        devices=1,
        gradient_clip_val=1.0,
        logger=False,
        callbacks=[average, stop, *callbacks],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        default_root_dir=folder,
    )


def _running_average(averaged: Tensor, current: Tensor, seen: int | Tensor) -> Tensor:
    """Exponential average of the weights that forgets the first batches quickly."""
    count = float(seen)
    decay = min(AVERAGE_DECAY, count / (count + 10.0))
    return decay * averaged + (1.0 - decay) * current
