"""Settings of a training run, filled by the command line as ``key=value``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, get_type_hints

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.settings import CROPS, ENCODERS

__all__ = ["LOSSES", "PRESETS", "STAGES", "TrainSettings"]

PRESETS: tuple[str, ...] = ("default", "paper")

STAGES: tuple[str, ...] = ("embedding", "features", "tracker")
"""The stages of a training, in their order."""

LOSSES: tuple[str, ...] = ("multi-similarity", "circle", "triplet")
"""Losses of the encoder, see :func:`~cell_tracker_gnn.embedding.losses.metric_loss`."""


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run.

    Parameters
    ----------
    preset
        ``"default"``, or ``"paper"`` for the published network with its published loss.
    epochs
        Largest number of epochs of the tracker.
    batches
        Batches per epoch; 0 takes about two views of all links, at most 100.
    batch_links
        Candidate links per batch, about.
    learning_rate
        Largest learning rate.
    patience
        Epochs without a better validation score after which training stops.
    width, blocks
        Channels and rounds of messages of the default network.
    max_gap
        Number of frames a cell may be missed.
    validation
        Share of the frames at the end of each sequence that is kept for validation.
    subsample
        Also learn from every 2nd, 3rd and 5th frame.
    faults
        Also learn from damaged masks.
    embedding
        Train an encoder of image crops first, where there are images.
    encoder
        ``"compact"``, ``"resnet18"`` or ``"resnet34"``; ``"auto"`` is compact, ResNet-18 in the paper's preset.
    crop
        ``"masked"``, ``"padded"`` or ``"patch"`` (for markers and points), see
        :func:`~cell_tracker_gnn.features.crops.cut_crops`; ``"auto"`` is masked, padded in the paper's preset.
    embedding_loss
        ``"multi-similarity"``, ``"circle"`` or ``"triplet"``.
    embedding_dim
        Length of the embedding.
    embedding_epochs
        Largest number of epochs of the encoder.
    calibrate
        Choose the linking costs on the validation frames if that is clearly better than the usual ones: right for a
        model of one kind of data, wrong for one that is meant for kinds it has not seen (docs/tried.md).
    seed
        Seed of weights, batches and damage.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    preset: str = "default"
    epochs: int = 20
    batches: int = 0
    batch_links: int = 20_000
    learning_rate: float = 2e-3
    patience: int = 8
    width: int = 48
    blocks: int = 4
    max_gap: int = 2
    validation: float = 0.2
    subsample: bool = True
    faults: bool = True
    embedding: bool = True
    encoder: str = "auto"
    crop: str = "auto"
    embedding_loss: str = "multi-similarity"
    embedding_dim: int = 128
    embedding_epochs: int = 10
    calibrate: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        choices = {
            "preset": PRESETS,
            "encoder": ("auto", *ENCODERS),
            "crop": ("auto", *CROPS),
            "embedding_loss": LOSSES,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise SettingsError(f"the {name} {getattr(self, name)!r} is unknown; choose one of {', '.join(known)}")
        for name in ("epochs", "batch_links", "patience", "width", "embedding_epochs", "embedding_dim"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more")
        if min(self.batches, self.blocks, self.max_gap) < 0:
            raise SettingsError("batches, blocks and max_gap cannot be negative; give 0 or more")
        if not 0.0 < self.validation < 0.9:
            raise SettingsError(f"validation is {self.validation}; give a share of the frames between 0 and 0.9")
        if self.learning_rate <= 0:
            raise SettingsError(f"learning_rate is {self.learning_rate}; give a positive number")

    @property
    def encoder_kind(self) -> str:
        """The kind of encoder that is trained."""
        return self.encoder if self.encoder != "auto" else "resnet18" if self.preset == "paper" else "compact"

    @property
    def crop_mode(self) -> str:
        """The way in which crops are cut."""
        return self.crop if self.crop != "auto" else "padded" if self.preset == "paper" else "masked"

    @classmethod
    def parse(cls, overrides: Iterable[str]) -> Self:
        """The defaults changed by ``key=value`` texts.

        Raises
        ------
        SettingsError
            If a key is unknown or a value is of the wrong type or out of range.
        """
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for text in overrides:
            key, equals, value = text.partition("=")
            if not equals or key not in kinds:
                raise SettingsError(
                    f"{text!r} is no setting of the training; {_nearest(key, [f.name for f in fields(cls)])}"
                )
            values[key] = _parse(key, value, kinds[key])
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)


def _nearest(key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {near[0]}=...?" if near else f"known are {', '.join(names)}"


def _parse(key: str, value: str, kind: type) -> Any:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return words[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{key}={value} is not understood; give a value of type {kind.__name__}") from error
