"""Settings of a training run: one flat, validated value, whose names are also sorted into groups."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self, get_type_hints

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.settings import CROPS, ENCODERS

__all__ = ["GROUPS", "LOSSES", "PRESETS", "STAGES", "WORDS", "TrainSettings", "find_setting", "suggest"]

PRESETS: tuple[str, ...] = ("default", "paper")

STAGES: tuple[str, ...] = ("embedding", "features", "tracker")
"""The stages of a training, in their order."""

LOSSES: tuple[str, ...] = ("multi-similarity", "circle", "triplet")
"""Losses of the encoder, see :func:`~cell_tracker_gnn.embedding.losses.metric_loss`."""

SPLITS: tuple[str, ...] = ("each", "first", "last", "both", "sequence")
ANNOTATIONS: tuple[str, ...] = ("auto", "full", "sparse")
SCALINGS: tuple[str, ...] = ("auto", "standard", "min-max")
NEIGHBOURHOODS: tuple[str, ...] = ("adaptive", "boxes", "movement")
PRECISIONS: tuple[str, ...] = ("32", "bf16", "16")

WORDS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""How a setting is switched on and off."""

DEBUG_FRAMES = 10
"""Frames of each sequence in a debug run."""

GROUPS: Mapping[str, Mapping[str, str]] = {
    "data": {
        name: name
        for name in (
            *("limit", "jump", "stride", "shortest", "longest", "split", "validation", "subsample", "faults"),
            "annotation",
        )
    },
    "features": {"scaling": "scaling", "leave_out": "leave_out"},
    "embedding": {
        "enabled": "embedding",
        "encoder": "encoder",
        "crop": "crop",
        "loss": "embedding_loss",
        "dim": "embedding_dim",
        "epochs": "embedding_epochs",
    },
    "graph": {name: name for name in ("max_gap", "undirected", "neighbourhood", "multipliers")},
    "tracker": {"preset": "preset", "width": "width", "blocks": "blocks"},
    "trainer": {
        name: name
        for name in (
            *("epochs", "batches", "batch_links", "learning_rate", "weight_decay", "patience", "clip", "precision"),
            *("devices", "seed"),
        )
    },
    "logger": {"names": "loggers"},
    "callbacks": {"scores_every": "scores_every", "pictures": "pictures"},
}
"""The groups of the configuration: for each name in a group the name of the setting below."""


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
    learning_rate, weight_decay
        Largest learning rate of one cycle, and decay of the weights.
    patience
        Epochs without a better validation score after which training stops.
    clip
        Largest norm of the gradient.
    precision
        ``"32"``, or ``"bf16"`` or ``"16"`` for mixed precision.
    devices
        Number of GPUs (or of processes on the CPU); more than one train side by side.
    width, blocks
        Channels and rounds of messages of the default network.
    max_gap
        Number of frames a cell may be missed.
    undirected
        Let messages of the paper's network flow backwards in time as well; in the default network they always do.
    neighbourhood, multipliers
        Which candidate links are seen: ``"adaptive"`` for all, ``"boxes"`` for those that move at most ``multipliers``
        times the sides of the bounding boxes per frame, ``"movement"`` for those that move at most ``multipliers``
        times the largest movement in the training data; numbers by axis, z,y,x or y,x or one for all.
    validation
        Share of the frames, or of the sequences, that is kept for validation.
    split
        Which part that is: the end of ``"each"`` sequence, of the ``"first"``, of the ``"last"`` or of ``"both"``, or
        whole sequences (``"sequence"``), the last ones.
    limit
        Only the first frames of each sequence, 0 for all: for a quick look or a few annotated frames.
    jump
        Every how many frames one is kept.
    shortest, longest
        Frames of a training window.
    stride
        Windows begin at every so many frames.
    subsample
        Also learn from every 2nd, 3rd and 5th frame.
    faults
        Also learn from damaged masks.
    annotation
        ``"full"`` if every cell of the annotated frames is, ``"sparse"`` if only some tracks are; ``"auto"`` looks.
    scaling
        Of the inputs: ``"standard"`` (mean 0, deviation 1) or ``"min-max"`` (0 to 1) over the training data;
        ``"auto"`` is standard, min-max in the paper's preset.
    leave_out
        Names of features of cells and links that the default network does not see, separated by commas.
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
    loggers
        Where scores are logged, separated by commas: ``csv``, ``tensorboard``, ``wandb``, ``mlflow``, ``comet``, or
        ``none``.
    scores_every
        Epochs between two tracking scores of the validation frames, 0 for none.
    pictures
        Draw the validation tracks whenever they are scored.
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
    weight_decay: float = 1e-4
    patience: int = 8
    clip: float = 1.0
    precision: str = "32"
    devices: int = 1
    width: int = 48
    blocks: int = 4
    max_gap: int = 2
    undirected: bool = False
    neighbourhood: str = "adaptive"
    multipliers: str = "2"
    validation: float = 0.2
    split: str = "each"
    limit: int = 0
    jump: int = 1
    shortest: int = 6
    longest: int = 16
    stride: int = 1
    subsample: bool = True
    faults: bool = True
    annotation: str = "auto"
    scaling: str = "auto"
    leave_out: str = ""
    embedding: bool = True
    encoder: str = "auto"
    crop: str = "auto"
    embedding_loss: str = "multi-similarity"
    embedding_dim: int = 128
    embedding_epochs: int = 10
    loggers: str = "csv,tensorboard"
    scores_every: int = 5
    pictures: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        self._check_choices()
        _ = self.factors
        positive = ("epochs", "batch_links", "patience", "width", "embedding_epochs", "embedding_dim", "devices")
        for name in (*positive, "jump", "stride"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in ("batches", "blocks", "max_gap", "limit", "scores_every", "weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; give 0 or more")
        if not 0.0 < self.validation < 0.9:
            raise SettingsError(f"validation is {self.validation}; give a share of the frames between 0 and 0.9")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingsError(f"{name} is {getattr(self, name)}; give a positive number")
        if not 2 <= self.shortest <= self.longest:
            raise SettingsError(f"shortest={self.shortest} and longest={self.longest}; give 2 or more, shortest first")

    def _check_choices(self) -> None:
        choices = {
            "preset": PRESETS,
            "encoder": ("auto", *ENCODERS),
            "crop": ("auto", *CROPS),
            "embedding_loss": LOSSES,
            "split": SPLITS,
            "annotation": ANNOTATIONS,
            "scaling": SCALINGS,
            "precision": PRECISIONS,
            "neighbourhood": NEIGHBOURHOODS,
        }
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(f"the {name} {value!r} is unknown; {suggest(str(value), known)}")

    @property
    def factors(self) -> tuple[float, ...]:
        """The multipliers as numbers."""
        try:
            found = tuple(float(part) for part in self.multipliers.split(","))
        except ValueError:
            found = ()
        if len(found) not in (1, 2, 3) or not all(0 < one < float("inf") for one in found):
            raise SettingsError(f"multipliers={self.multipliers} is not understood; give numbers by axis such as 1,2,2")
        return found

    @property
    def encoder_kind(self) -> str:
        """The kind of encoder that is trained."""
        return self.encoder if self.encoder != "auto" else "resnet18" if self.preset == "paper" else "compact"

    @property
    def crop_mode(self) -> str:
        """The way in which crops are cut."""
        return self.crop if self.crop != "auto" else "padded" if self.preset == "paper" else "masked"

    @property
    def scaled_by(self) -> str:
        """How inputs are scaled."""
        return self.scaling if self.scaling != "auto" else "min-max" if self.preset == "paper" else "standard"

    @classmethod
    def parse(cls, overrides: Iterable[str]) -> Self:
        """The defaults changed by ``key=value`` texts; a key may stand in its group, as in ``trainer.epochs=20``.

        Raises
        ------
        SettingsError
            If a key is unknown or a value is of the wrong type or out of range.
        """
        values: dict[str, str] = {}
        for text in overrides:
            key, equals, value = text.partition("=")
            if not equals:
                raise SettingsError(f"{text!r} is no setting of the training; write key=value")
            values[find_setting(key)] = value
        return cls.from_texts(values)

    @classmethod
    def from_texts(cls, values: Mapping[str, str]) -> Self:
        """The defaults changed by texts, by the name of the setting."""
        kinds = get_type_hints(cls)
        return cls(**{name: _parse(name, text, kinds[name]) for name, text in values.items()})

    def as_debug(self) -> Self:
        """The same run on a few frames, in one batch of each stage: finds out in a minute whether all works."""
        return replace(
            self,
            epochs=1,
            batches=1,
            embedding_epochs=1,
            limit=min(self.limit or DEBUG_FRAMES, DEBUG_FRAMES),
            subsample=False,
            faults=False,
            scores_every=min(self.scores_every, 1),
        )

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values."""
        return asdict(self)

    def as_groups(self) -> dict[str, dict[str, Any]]:
        """The settings as plain values in their groups."""
        return {group: {key: getattr(self, name) for key, name in names.items()} for group, names in GROUPS.items()}


def find_setting(key: str, groups: Iterable[str] = ()) -> str:
    """Name of the setting of a key with or without its group.

    Parameters
    ----------
    key
        Such as ``epochs`` or ``trainer.epochs``.
    groups
        Names of groups that could have been meant.

    Raises
    ------
    SettingsError
        If there is none.
    """
    flat = [setting.name for setting in fields(TrainSettings)]
    grouped = {f"{group}.{inner}": name for group, names in GROUPS.items() for inner, name in names.items()}
    if key in flat:
        return key
    if key not in grouped:
        raise SettingsError(
            f"{key!r} is no setting of the training; {suggest(key, [*flat, *grouped, *groups], '=...')}"
        )
    return grouped[key]


def suggest(word: str, known: Iterable[str], ending: str = "") -> str:
    """End of a message: the nearest of the known words, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]}{ending}?"
    return f"choose one of {', '.join(name for name in names if '.' not in name)}"


def _parse(key: str, value: str, kind: type) -> Any:
    try:
        return WORDS[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"{key}={value} is not understood; give a value of type {kind.__name__}") from error
