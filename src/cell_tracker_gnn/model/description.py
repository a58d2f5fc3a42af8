"""What a model file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cell_tracker_gnn.model.paper import PaperNetwork
from cell_tracker_gnn.model.weights import load_model, model_path

__all__ = ["ModelDescription", "describe_model"]


@dataclass(frozen=True)
class ModelDescription:
    """A model file that was read and found whole.

    Parameters
    ----------
    name
        Name or path it was asked for by.
    path
        The file.
    size
        Its bytes.
    sha256
        Hash of the file.
    numbers
        Trained numbers of the network and of the encoder.
    network, encoder
        Kind and sizes; the encoder is empty where there is none.
    card
        What it was trained on and how: plain values.
    """

    name: str
    path: Path
    size: int
    sha256: str
    numbers: tuple[int, int]
    network: str
    encoder: str
    card: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Version of the package that wrote the file."""
        return str(self.card.get("version", "unknown"))

    @property
    def sequences(self) -> list[Mapping[str, Any]]:
        """The training data, one entry per sequence."""
        return list(self.card.get("data", ()))

    def summary(self) -> str:
        """One line: kind, size, training data."""
        cells = sum(int(one.get("cells", 0)) for one in self.sequences)
        return (
            f"version {self.version}, {self.network.split()[0]} network, {self.encoder or 'no encoder'}, "
            f"{self.size / 1e6:.2f} MB, trained on {len(self.sequences)} sequences with {cells:,} cells"
        )

    def rows(self) -> list[tuple[str, str]]:
        """All that is known, as pairs of a name and a text."""
        rows = [
            ("file", str(self.path)),
            ("size", f"{self.size / 1e6:.2f} MB"),
            ("sha256", self.sha256),
            ("written by", f"cell-tracker-gnn {self.version}"),
            ("network", f"{self.network}, {self.numbers[0]:,} numbers"),
            ("encoder", f"{self.encoder}, {self.numbers[1]:,} numbers" if self.encoder else "none"),
        ]
        if "fine_tuning" in self.card:
            rows.append(("fine-tuned from", _origin(self.card["fine_tuning"])))
        rows += [(f"trained on {one.get('name')}", _facts(one, ("name",))) for one in self.sequences]
        rows += [(name.replace("_", " "), f"{value:.5g}") for name, value in self.card.get("scores", {}).items()]
        settings = self.card.get("settings", {})
        return rows + (
            [("settings", " ".join(f"{key}={value}" for key, value in settings.items()))] if settings else []
        )


def describe_model(name: str | Path) -> ModelDescription:
    """Read a whole model file, check it and describe it.

    Parameters
    ----------
    name
        Name of a bundled model, a model file, or the folder of a training.

    Raises
    ------
    MissingInputError
        If there is no such model.
    ModelError
        If the file is broken, no model of this package or from a newer version.
    """
    model, path = load_model(name), model_path(name)
    config = model.network.config.as_dict()
    kind = "paper" if isinstance(model.network, PaperNetwork) else "default"
    sizes = ", ".join(f"{key} {value}" for key, value in config.items() if not isinstance(value, (tuple, list, dict)))
    encoder = model.encoder.config if model.encoder is not None else None
    return ModelDescription(
        name=str(name),
        path=path,
        size=path.stat().st_size,
        sha256=model.sha256,
        numbers=(_count(model.network), _count(model.encoder)),
        network=f"{kind} ({sizes})",
        encoder=f"{encoder.kind} for {encoder.rank}D {encoder.crop} crops, {encoder.dim} numbers" if encoder else "",
        card=model.card,
    )


def _count(network: Any) -> int:
    return 0 if network is None else sum(part.numel() for part in network.parameters())


def _origin(told: Mapping[str, Any]) -> str:
    """What a fine-tuning began with and whether it was worth it."""
    kept = "" if told.get("kept") == "new" else ", whose weights were kept, because training made them no better"
    return f"{told.get('start')}{kept}"


def _facts(values: Mapping[str, Any], left_out: tuple[str, ...]) -> str:
    words = ((key.replace("_", " "), value) for key, value in values.items() if key not in left_out)
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in words)
