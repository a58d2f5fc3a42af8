"""The encoder: a convolutional network, compact or a ResNet, from crops of cells to unit vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from cell_tracker_gnn.embedding.device import in_batches, precision
from cell_tracker_gnn.embedding.layers import RESNET_FEATURES, RESNETS, convolution, resnet_trunk
from cell_tracker_gnn.errors import ModelError
from cell_tracker_gnn.settings import CROPS, ENCODERS

__all__ = ["Encoder", "EncoderConfig", "embed", "embedded_at_once"]


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of an encoder and the crops it was trained on.

    Parameters
    ----------
    rank
        Number of spatial axes, 2 or 3.
    size
        Length of the crops in x and y, a multiple of 16; 3D crops have half as many planes.
    dim
        Length of the embedding; 128 and 256 are usual.
    width
        Channels of the first layer of the compact encoder in 2D; doubled twice.
    kind
        ``"compact"``, ``"resnet18"`` or ``"resnet34"``.
    crop
        How crops are cut, see :func:`~cell_tracker_gnn.features.crops.cut_crops`.

    Raises
    ------
    ModelError
        If a value is out of range.
    """

    rank: int = 2
    size: int = 32
    dim: int = 128
    width: int = 16
    kind: str = "compact"
    crop: str = "masked"

    def __post_init__(self) -> None:
        if self.rank not in (2, 3):
            raise ModelError(f"an encoder of rank {self.rank} does not exist; use 2 or 3")
        if self.size < 16 or self.size % 16:
            raise ModelError(f"the crop size {self.size} of the encoder is not a multiple of 16; use 32")
        if min(self.dim, self.width) < 1:
            raise ModelError(f"the encoder has dim {self.dim} and width {self.width}; give 1 or more")
        for name, known in (("kind", ENCODERS), ("crop", CROPS)):
            if getattr(self, name) not in known:
                raise ModelError(f"the encoder's {name} {getattr(self, name)!r} is unknown; use {', '.join(known)}")

    @property
    def crop_shape(self) -> tuple[int, ...]:
        """Shape of one crop with its channel."""
        return (1, *((self.size,) * 2 if self.rank == 2 else (self.size // 2, self.size, self.size)))

    def as_dict(self) -> dict[str, int | str]:
        """Return the configuration as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the configuration from plain values.

        Raises
        ------
        ModelError
            If a name is unknown or a value out of range.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ModelError(f"the encoder's configuration {dict(values)} does not fit this version; update") from error


class Encoder(nn.Module):
    """Crops (n, 1, size, size) or (n, 1, size / 2, size, size) to unit vectors (n, dim).

    A trunk, compact or a ResNet, one linear layer, L2 normalisation.

    Examples
    --------
    >>> Encoder(EncoderConfig())(torch.zeros(5, 1, 32, 32)).shape
    torch.Size([5, 128])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        if config.kind in RESNETS:
            self.trunk, features = resnet_trunk(config.kind, config.rank), RESNET_FEATURES
        else:
            # A compact encoder of volumes, too, convolves along y and x only; the planes are its channels.
            channels = config.crop_shape[-3]
            self.trunk, features = _compact_trunk(channels, config.width), 4 * config.width * (config.size // 8) ** 2
        self.head = nn.Linear(features, config.dim)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed crops; empty crops give finite vectors too."""
        if self.config.kind not in RESNETS:
            crops = crops.flatten(1, -3)
        return functional.normalize(self.head(self.trunk(crops).flatten(1)), dim=1)


def _compact_trunk(channels: int, width: int) -> nn.Sequential:
    """Three strided convolutions with residual ones between them.

    The head looks at all positions of what they give, so that the place of a feature within the cell is kept. The
    resolution falls at once: a 32 x 32 crop costs about 2 million multiplications, 16 planes of it 4 million.
    """
    # Planes bring more to the first layer than a single picture does, and need more channels and a smaller kernel.
    first, kernel = (width, 5) if channels == 1 else (2 * width, 3)
    return nn.Sequential(
        convolution(2, channels, first, stride=2, kernel=kernel),  # (n, first, 16, 16)
        convolution(2, first, 2 * width, stride=2),  # (n, 2 width, 8, 8)
        _Residual(2 * width),
        convolution(2, 2 * width, 4 * width, stride=2),  # (n, 4 width, 4, 4)
        _Residual(4 * width),
    )


class _Residual(nn.Module):
    """A convolution added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = convolution(2, width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.convolution(x)
        return out


def embedded_at_once(config: EncoderConfig, device: torch.device) -> int:
    """Crops of a batch to begin with: a GPU wants many, the cache of a processor few."""
    return 256 if device.type == "cpu" else max(256, 2**22 // math.prod(config.crop_shape))


def embed(
    encoder: Encoder, crops: NDArray[np.floating[Any]], batch_size: int | None = None, *, flips: bool = False
) -> NDArray[np.float32]:
    """Embed crops on the encoder's device, in evaluation mode.

    Parameters
    ----------
    encoder
        The encoder; its mode is restored.
    crops
        Shape (n, 1, size, size) or (n, 1, size / 2, size, size).
    batch_size
        Crops at a time; what suits the device when left out, and fewer where its memory is too small.
    flips
        Take the direction of the mean over all flips of each crop, at the cost of 4 crops in 2D and 8 in 3D.

    Returns
    -------
    NDArray[np.float32]
        Unit vectors, shape (n, dim).

    Raises
    ------
    ModelError
        If the crops do not fit the encoder, or one of them not the memory.
    """
    config = encoder.config
    if crops.shape[1:] != config.crop_shape:
        raise ModelError(
            f"crops of shape {crops.shape[1:]} do not fit an encoder of {config.crop_shape}; cut them to this size"
        )
    device = next(encoder.parameters()).device
    training = encoder.training
    encoder.eval()
    rows = np.zeros((len(crops), config.dim), np.float32)

    def compute(chosen: slice) -> None:
        batch = torch.as_tensor(crops[chosen], device=device, dtype=torch.float32)
        if config.rank == 2:
            batch = batch.contiguous(memory_format=torch.channels_last)
        vectors = encoder(batch).float()
        if flips:
            vectors = functional.normalize(vectors + sum(encoder(view).float() for view in _reflections(batch)), dim=1)
        rows[chosen] = vectors.cpu().numpy()

    with torch.inference_mode(), precision(device):
        in_batches(compute, len(crops), batch_size or embedded_at_once(config, device), device)
    encoder.train(training)
    return rows


def _reflections(crops: Tensor) -> list[Tensor]:
    """The crops flipped along one or several of their spatial axes."""
    axes = range(2, crops.ndim)
    return [crops.flip(chosen) for count in range(1, len(axes) + 1) for chosen in combinations(axes, count)]
