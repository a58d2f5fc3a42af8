"""Progress of the tracker's training, one step per epoch."""

from __future__ import annotations

import logging
from collections.abc import Callable

import lightning
from lightning.pytorch.callbacks import Callback

__all__ = ["EpochReport"]

_log = logging.getLogger(__name__)


class EpochReport(Callback):
    """Reports each finished epoch.

    Parameters
    ----------
    report
        Called with the stage, how much of it is done and how much there is.
    """

    def __init__(self, report: Callable[[str, int, int], None]) -> None:
        self.report = report

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Report the epoch that ended and log its scores."""
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        self.report("tracker", epoch, epochs)
        scores = ", ".join(f"{name} {float(value):.5f}" for name, value in sorted(trainer.callback_metrics.items()))
        _log.info("epoch %d of %d: %s", epoch, epochs, scores)
