"""The stages of a training: the encoder, the features, the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.graph.neighbourhood import Neighbourhood
from cell_tracker_gnn.model.weights import Model
from cell_tracker_gnn.pipeline import Progress
from cell_tracker_gnn.training.encoder import ENCODER, read_encoder, train_sequence_encoder, write_encoder
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.prepare import choose_neighbourhood, prepare_sequence, sequence_features
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.store import FeatureStore
from cell_tracker_gnn.training.variants import TrainingSequence

__all__ = ["Stages"]


@dataclass(frozen=True, eq=False)
class Stages:
    """The stages of one run over its sequences.

    Parameters
    ----------
    sequences
        What is trained on.
    settings
        Settings of the training.
    device
        Where to compute.
    folder
        Folder of the model.
    stage
        Only this stage; all of them if None.
    store
        Where features are kept, or None.
    report
        Called with the stage, how much of it is done and how much there is.
    """

    sequences: Sequence[TrainingSequence]
    settings: TrainSettings
    device: torch.device
    folder: Path
    stage: str | None
    store: FeatureStore | None
    report: Progress

    def run(self, begun: Model | None, fit: Callable[..., Model], *, goes_on: bool) -> Model | None:
        """Train the encoder, prepare the graphs and fit the network, as far as the stage goes.

        Parameters
        ----------
        begun
            The model to improve, or None.
        fit
            Fits the network to the graphs, see :func:`~cell_tracker_gnn.training.fitting.fit_model`.
        goes_on
            Whether an encoder that is there already is that of this run.
        """
        torch.manual_seed(self.settings.seed)
        encoder, scores = self._encoder(goes_on=goes_on) if begun is None else (begun.encoder, {})
        if self.stage == "embedding":
            return None
        near = (
            choose_neighbourhood(self.sequences, self.settings) if begun is None else begun.network.config.neighbourhood
        )
        examples = self._prepare(encoder, near)
        return None if self.stage == "features" else fit(examples, encoder=encoder, scores=scores, neighbourhood=near)

    def _encoder(self, *, goes_on: bool) -> tuple[Encoder | None, dict[str, float]]:
        """The encoder and its scores: trained now, or that of an earlier stage or of the run that goes on."""
        kept = self.folder / "work" / ENCODER
        if self.stage not in (None, "embedding") or (goes_on and kept.is_file()):
            return read_encoder(kept, self.settings)
        encoder: Encoder | None = None
        scores: dict[str, float] = {}
        if self.settings.embedding:
            encoder, scores = train_sequence_encoder(self.sequences, self.settings, self.device, self.report)
        if encoder is not None:
            write_encoder(encoder, scores, self.settings, kept)
        elif self.stage is not None:
            raise InputError(
                "no encoder can be trained on these sequences; give longer ones with images, or embedding=no"
            )
        return encoder, scores

    def _prepare(self, encoder: Encoder | None, near: Neighbourhood) -> list[list[Example]]:
        """Labelled graphs of all sequences; after the stage ``"features"`` none, as they are only stored."""
        examples, place, store = [], self.device, self.store
        for done, sequence in enumerate(self.sequences):
            self.report("graphs", done, len(self.sequences))
            if self.stage == "features":
                sequence_features(sequence, self.settings, encoder, device=place, store=store)
                continue
            computes = self.stage is None
            examples.append(
                prepare_sequence(
                    sequence,
                    self.settings,
                    encoder,
                    device=place,
                    store=store,
                    compute=computes,
                    neighbourhood=near,
                )
            )
        self.report("graphs", len(self.sequences), len(self.sequences))
        return examples
