"""The Lightning module and data of the tracker's training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.training.batches import Batch, WindowStream, whole_batches
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.losses import balanced_link_loss, tracking_loss
from cell_tracker_gnn.training.metrics import Judgement, judge_batch, judgement_scores

__all__ = ["MONITOR", "FitSettings", "TrackerModule", "TrackerWindows"]

MONITOR = "validation_link_average_precision"
"""What the best epoch is chosen by: accuracy would reward linking nothing."""

EPOCH_SEEDS = 100_003
"""Every epoch and every process draws from its own seed, so that a run that was killed goes on as it would have."""


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
    shortest, longest, stride
        Frames of a training window, and every how many frames one may begin.
    learning_rate, weight_decay
        Of AdamW, with one cycle of the learning rate.
    patience
        Epochs without a better validation score after which training stops.
    clip
        Largest norm of the gradient.
    precision
        ``"32"``, or ``"bf16"`` or ``"16"`` for mixed precision.
    devices
        Processes that train side by side, each on its own GPU.
    hide_images
        Share of the training windows whose image features are hidden, so that the network copes without images.
    balanced
        Weigh true links by the ratio of false to true ones, as in the paper, instead of the calibrated default loss.
    scaled_by
        How inputs are scaled; empty leaves the network's scaling as it is.
    pull
        Pull towards the weights at the beginning, as half a factor on the squared distance (L2-SP, Li et al. 2018).
    seed
        Seed of weights and batches.
    """

    epochs: int = 30
    batches: int = 100
    batch_links: int = 20_000
    shortest: int = 6
    longest: int = 16
    stride: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    patience: int = 8
    clip: float = 1.0
    precision: str = "32"
    devices: int = 1
    hide_images: float = 0.25
    balanced: bool = False
    scaled_by: str = "standard"
    pull: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.batches, self.batch_links, self.patience) < 1 or self.learning_rate <= 0:
            raise SettingsError(f"a number of epochs, batches or links below 1, or no learning rate, in {asdict(self)}")
        if not 2 <= self.shortest <= self.longest:
            raise SettingsError(f"windows of {self.shortest} to {self.longest} frames; give 2 or more, shortest first")


class TrackerWindows(lightning.LightningDataModule):
    """Training windows drawn anew every epoch, and validation windows that stay.

    Parameters
    ----------
    training, validation
        Labelled graphs.
    settings
        How windows are drawn.
    """

    def __init__(self, training: Sequence[Example], validation: Sequence[Example], settings: FitSettings) -> None:
        super().__init__()
        self.training, self.settings = training, settings
        self.check = whole_batches(validation, links=settings.batch_links, frames=settings.longest)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Windows of the current epoch."""
        s, trainer = self.settings, self.trainer
        epoch, rank = (trainer.current_epoch, trainer.global_rank) if trainer is not None else (0, 0)
        stream = WindowStream(
            self.training,
            links=s.batch_links,
            frames=(s.shortest, s.longest),
            stride=s.stride,
            batches=s.batches,
            seed=s.seed + epoch + EPOCH_SEEDS * rank,
            hide_images=s.hide_images,
        )
        return DataLoader(stream, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation window once."""
        return DataLoader(self.check, batch_size=None)


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
        self._seen: list[dict[str, Judgement]] = []
        self._start = [part.detach().clone() for part in network.parameters()] if settings.pull else []

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = self.network(batch.cell_features, batch.link_features, batch.source, batch.target, batch.window)
        if self.settings.balanced:
            return balanced_link_loss(logits.link, batch.positive, batch.link_weight), logits.link
        return tracking_loss(logits, batch), logits.link

    def on_train_batch_start(self, batch: Batch, index: int) -> None:
        """Dropout depends on the epoch alone, not on what was drawn before it."""
        if index == 0:
            epoch, rank = self.trainer.current_epoch, self.trainer.global_rank
            torch.manual_seed(EPOCH_SEEDS * (self.settings.seed + epoch) + rank)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch."""
        loss, _ = self._loss(batch)
        self.log("loss", loss, prog_bar=True, batch_size=1)
        for start, part in zip(self._start, self.network.parameters(), strict=bool(self._start)):
            loss = loss + 0.5 * self.settings.pull * (part - start.to(part.device)).square().sum()
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Collect what is said of the links and divisions of one batch."""
        loss, link = self._loss(batch)
        self.log("validation_loss", loss, batch_size=1, sync_dist=True)
        self._seen.append(judge_batch(link, batch))

    def on_validation_epoch_end(self) -> None:
        """Log how well links and divisions are told apart; of several processes the mean."""
        for name, value in judgement_scores(self._seen).items():
            self.log(f"validation_{name}", value, sync_dist=True)
        self._seen.clear()

    def configure_optimizers(self) -> Any:
        """AdamW with one cycle of the learning rate."""
        s = self.settings
        optimiser = torch.optim.AdamW(self.parameters(), lr=s.learning_rate, weight_decay=s.weight_decay)
        steps = max(s.epochs * s.batches, 5)
        rise = min(max(0.1, 2.0 / steps), 0.5)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, s.learning_rate, total_steps=steps, pct_start=rise)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}
