"""The encoder: a small convolutional network from crops of cells to unit vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from cell_tracker_gnn.errors import ModelError

__all__ = ["Encoder", "EncoderConfig", "embed"]


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of an encoder.

    Parameters
    ----------
    rank
        Number of spatial axes, 2 or 3.
    size
        Length of the crops in x and y, a multiple of 8; 3D crops have half as many planes.
    dim
        Length of the embedding.
    width
        Channels of the first layer; doubled twice.

    Raises
    ------
    ModelError
        If a value is out of range.
    """

    rank: int = 2
    size: int = 32
    dim: int = 64
    width: int = 16

    def __post_init__(self) -> None:
        if self.rank not in (2, 3):
            raise ModelError(f"an encoder of rank {self.rank} does not exist; use 2 or 3")
        if self.size < 16 or self.size % 16:
            raise ModelError(f"the crop size {self.size} of the encoder is not a multiple of 16; use 32")
        if min(self.dim, self.width) < 1:
            raise ModelError(f"the encoder has dim {self.dim} and width {self.width}; give 1 or more")

    def as_dict(self) -> dict[str, int]:
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

    Three strided convolutions with two residual ones between them, then one linear layer over all positions, so that
    the place of a feature within the cell is kept. The resolution falls at once: a 32 x 32 crop costs about 2 million
    multiplications.

    Examples
    --------
    >>> Encoder(EncoderConfig())(torch.zeros(5, 1, 32, 32)).shape
    torch.Size([5, 64])
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width, rank = config.width, config.rank
        self.trunk = nn.Sequential(
            _convolution(rank, 1, width, stride=2, kernel=5 if rank == 2 else 3),  # (n, width, 16, 16)
            _convolution(rank, width, 2 * width, stride=2),  # (n, 2 width, 8, 8)
            _Residual(rank, 2 * width),
            _convolution(rank, 2 * width, 4 * width, stride=2),  # (n, 4 width, 4, 4)
            _Residual(rank, 4 * width),
        )
        places = (config.size // 8) ** 2 * (config.size // 16 if rank == 3 else 1)
        self.head = nn.Linear(4 * width * places, config.dim)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed crops; empty crops give finite vectors too."""
        return functional.normalize(self.head(self.trunk(crops).flatten(1)), dim=1)


class _Residual(nn.Module):
    """A convolution added to its input."""

    def __init__(self, rank: int, width: int) -> None:
        super().__init__()
        self.convolution = _convolution(rank, width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.convolution(x)
        return out


def _convolution(rank: int, inward: int, outward: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation and rectifier of the rank."""
    convolution, norm = (nn.Conv2d, nn.BatchNorm2d) if rank == 2 else (nn.Conv3d, nn.BatchNorm3d)
    return nn.Sequential(
        convolution(inward, outward, kernel, stride=stride, padding=kernel // 2, bias=False),
        norm(outward),
        nn.ReLU(inplace=True),
    )


def embed(encoder: Encoder, crops: NDArray[np.float32], batch_size: int = 512) -> NDArray[np.float32]:
    """Embed crops on the encoder's device, in evaluation mode.

    Parameters
    ----------
    encoder
        The encoder; its mode is restored.
    crops
        Shape (n, 1, size, size) or (n, 1, size / 2, size, size).
    batch_size
        Crops at a time.

    Returns
    -------
    NDArray[np.float32]
        Unit vectors, shape (n, dim).

    Raises
    ------
    ModelError
        If the crops do not fit the encoder.
    """
    config = encoder.config
    shape = (1, config.size, config.size) if config.rank == 2 else (1, config.size // 2, config.size, config.size)
    if crops.shape[1:] != shape:
        raise ModelError(f"crops of shape {crops.shape[1:]} do not fit an encoder of {shape}; cut them to this size")
    device = next(encoder.parameters()).device
    training = encoder.training
    encoder.eval()
    rows = np.zeros((len(crops), config.dim), np.float32)
    with torch.inference_mode():
        for begin in range(0, len(crops), batch_size):
            batch = torch.as_tensor(crops[begin : begin + batch_size], device=device)
            if config.rank == 2:
                batch = batch.contiguous(memory_format=torch.channels_last)
            rows[begin : begin + batch_size] = encoder(batch).float().cpu().numpy()
    encoder.train(training)
    return rows
