"""Model files: one safetensors file with all weights, and the configuration and provenance in its header.

Nothing in a model file is ever executed: weights are plain tensors and everything else is JSON.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig
from cell_tracker_gnn.errors import MissingInputError, ModelError
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.model.paper import Network, PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork

__all__ = [
    "FORMAT",
    "Model",
    "bundled_models",
    "load_encoder",
    "load_model",
    "model_path",
    "save_encoder",
    "save_model",
]

FORMAT = 1
"""Version of the layout of model files; files of a higher one are refused."""

HEADER = "cell_tracker_gnn"

PRESETS: tuple[str, ...] = ("default", "paper")
"""Networks that a model file can hold."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained tracker.

    Parameters
    ----------
    network
        Weighs the candidate links.
    encoder
        Embeds crops of cells, or None.
    costs
        Linking costs chosen in training, see :class:`~cell_tracker_gnn.linking.costs.LinkCosts`.
    card
        What the model was trained on and how: plain values.
    name
        Name or path it was loaded by.
    sha256
        Hash of the file, empty for a model that was not loaded from one.
    confidence
        Calibration of the probabilities: plain values, see :class:`~cell_tracker_gnn.linking.confidence.Confidence`.
    """

    network: Network
    encoder: Encoder | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    sha256: str = ""
    confidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def max_gap(self) -> int:
        """Missed frames that the candidate links of its training spanned, 0 if that is not known."""
        return int(self.card.get("settings", {}).get("max_gap", 0))


def save_model(model: Model, path: Path) -> None:
    """Write a model file; it appears under its name only when it is complete."""
    tensors = {f"network.{key}": value for key, value in model.network.state_dict().items()}
    if model.encoder is not None:
        tensors |= {f"encoder.{key}": value for key, value in model.encoder.state_dict().items()}
    header = {
        "format": FORMAT,
        "preset": "paper" if isinstance(model.network, PaperNetwork) else "default",
        "network": model.network.config.as_dict(),
        "encoder": model.encoder.config.as_dict() if model.encoder is not None else None,
        "costs": dict(model.costs),
        "confidence": dict(model.confidence),
        "card": dict(model.card),
    }
    _write(tensors, header, path)


def save_encoder(encoder: Encoder, card: Mapping[str, Any], path: Path) -> None:
    """Write an encoder of its own, a stage of a training, in the layout of a model file but without a network.

    Parameters
    ----------
    encoder
        The encoder.
    card
        How it was trained: plain values.
    path
        The file.
    """
    tensors = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
    _write(tensors, {"format": FORMAT, "encoder": encoder.config.as_dict(), "card": dict(card)}, path)


def load_encoder(path: Path) -> tuple[Encoder, dict[str, Any]]:
    """Read what :func:`save_encoder` wrote: the encoder and its card.

    Raises
    ------
    MissingInputError
        If there is no such file.
    ModelError
        If the file holds no encoder, is broken or comes from a newer version.
    """
    if not path.is_file():
        raise MissingInputError(f"there is no encoder {path}; train one with --stage embedding")
    header, tensors = _read(path)
    try:
        return _encoder(header, tensors), dict(header["card"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _misfit(path, error) from error


def _write(tensors: Mapping[str, Tensor], header: Mapping[str, Any], path: Path) -> None:
    plain = {key: value.contiguous().cpu() for key, value in tensors.items()}
    described = {**header, "tensors_sha256": _tensors_sha256(plain)}
    with new_file(path) as temporary:
        save_file(plain, temporary, metadata={HEADER: json.dumps(described, sort_keys=True)})
        # safetensors makes files that only their owner can read.
        temporary.chmod(0o644)


def _tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash of names, shapes and values; a file that lost or changed a bit on its way is noticed by it."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def bundled_models() -> dict[str, Path]:
    """Names and files of the models that come with the package."""
    folder = Path(str(files("cell_tracker_gnn") / "models"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def model_path(name: str | Path) -> Path:
    """File of a bundled model's name or of a path.

    Raises
    ------
    MissingInputError
        If there is no such model or file.
    """
    bundled = bundled_models()
    if str(name) in bundled:
        return bundled[str(name)]
    path = Path(name)
    if path.is_dir() and (path / "model.safetensors").is_file():
        return path / "model.safetensors"
    if path.is_file():
        return path
    beside = [str(other) for other in path.parent.glob("*")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(str(name), [*bundled, *beside], n=1, cutoff=0.7)
    hint = f"did you mean {near[0]!r}?" if near else f"bundled models: {', '.join(bundled) or 'none'}"
    raise MissingInputError(f"there is no model {str(name)!r}, neither bundled nor as a file; {hint}")


def load_model(name: str | Path = "general") -> Model:
    """Load a bundled model by its name or any model file by its path.

    Raises
    ------
    MissingInputError
        If there is no such model or file.
    ModelError
        If the file is no model of this package, is broken or comes from a newer version.
    """
    path = model_path(name)
    header, tensors = _read(path)
    try:
        return _assemble(header, tensors, str(name), hashlib.sha256(path.read_bytes()).hexdigest())
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _misfit(path, error) from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and tensors of a file that this version can read."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "null"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path} is not a readable model file ({error}); copy or train it again. Pickles (.pt, .ckpt) are never "
            "loaded"
        ) from error
    if not isinstance(header, dict):
        raise ModelError(f"{path} holds weights but no description of a tracker; give a file made by 'train'")
    if header.get("format") != FORMAT:
        raise ModelError(
            f"{path} has format {header.get('format')}, this version reads format {FORMAT}; update cell-tracker-gnn"
        )
    # Files of the first versions carry no hash.
    if header.get("tensors_sha256", "") not in ("", _tensors_sha256(tensors)):
        raise ModelError(f"the weights in {path} are not those that were written; copy the file again")
    return header, tensors


def _assemble(header: dict[str, Any], tensors: dict[str, Tensor], name: str, sha256: str) -> Model:
    network: Network
    if header["preset"] not in PRESETS:
        raise ModelError(f"{name} holds a network of the unknown kind {header['preset']!r}; update cell-tracker-gnn")
    if header["preset"] == "paper":
        network = PaperNetwork(PaperConfig.from_dict(header["network"]))
    else:
        network = TrackerNetwork(TrackerConfig.from_dict(header["network"]))
    network.load_state_dict(_part(tensors, "network."))
    parts = ("network.", "encoder.") if header["encoder"] is not None else ("network.",)
    foreign = [key for key in tensors if not key.startswith(parts)]
    if foreign:
        raise ModelError(
            f"{name} holds the tensor {foreign[0]}, which is no part of its network; copy or train it again"
        )
    broken = [key for key, value in tensors.items() if not torch.isfinite(value).all()]
    if broken:
        raise ModelError(f"{name} has numbers that are not finite in {broken[0]}; train it again")
    encoder = _encoder(header, tensors) if header["encoder"] is not None else None
    network.eval()
    return Model(network, encoder, header["costs"], header["card"], name, sha256, header.get("confidence", {}))


def _misfit(path: Path, error: Exception) -> ModelError:
    # Torch lists keys line by line.
    told = " ".join(str(error).split())
    return ModelError(f"{path} does not fit its own description ({told}); copy or train it again")


def _encoder(header: dict[str, Any], tensors: dict[str, Tensor]) -> Encoder:
    encoder = Encoder(EncoderConfig.from_dict(header["encoder"]))
    encoder.load_state_dict(_part(tensors, "encoder."))
    return encoder.eval()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
