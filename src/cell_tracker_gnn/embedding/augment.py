"""Random changes of crops that leave the cell the same: pose, light, and errors of its mask."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["augment"]


def augment(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Change crops at random.

    Flips and quarter turns are the same for the whole batch, because a cell hardly turns between two frames and its
    direction tells it from its neighbours. Each crop is turned by up to 15 degrees, scaled by up to 10 % and shifted by
    up to 6 % of its length, changes its brightness by factor, offset and gamma, and in one of four cases loses the
    outermost ring of its mask.

    Parameters
    ----------
    crops
        Shape (n, 1, y, x) or (n, 1, z, y, x), 0 outside the cell.
    generator
        Source of randomness.

    Returns
    -------
    Tensor
        The same shape.
    """
    return _relight(_erode(_move(_turn(crops, generator), generator), generator), generator)


def _uniform(shape: tuple[int, ...], low: float, high: float, like: Tensor, generator: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(shape, generator=generator)).to(like)


def _turn(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Flip and turn the batch in the (y, x) plane."""
    flip, turns = (int(torch.randint(4, (1,), generator=generator)) for _ in range(2))
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if flip & bit]
    return torch.rot90(torch.flip(crops, axes), turns, (-2, -1))


def _move(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, scale and shift each crop a little; the turn is about z."""
    count, rank = len(crops), crops.ndim - 2
    angle = _uniform((count,), -math.pi / 12, math.pi / 12, crops, generator)
    scale = _uniform((count,), 0.9, 1.1, crops, generator)
    affine = torch.zeros(count, rank, rank + 1).to(crops)
    affine[:, range(rank), range(rank)] = scale[:, None]
    affine[:, 0, 0] = affine[:, 1, 1] = scale * torch.cos(angle)
    affine[:, 0, 1], affine[:, 1, 0] = -scale * torch.sin(angle), scale * torch.sin(angle)
    affine[:, :, rank] = _uniform((count, rank), -0.12, 0.12, crops, generator)
    grid = functional.affine_grid(affine, list(crops.shape), align_corners=False)
    return functional.grid_sample(crops, grid, align_corners=False)


def _erode(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Take the outermost ring away from a quarter of the crops."""
    pool = functional.max_pool2d if crops.ndim == 4 else functional.max_pool3d
    background = (crops <= 0).to(crops)
    ring = pool(background, 3, stride=1, padding=1)
    chosen = _uniform((len(crops), *(1,) * (crops.ndim - 1)), 0.0, 1.0, crops, generator) < 0.25
    return torch.where(chosen, crops * (1 - ring), crops)


def _relight(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Change the light on each cell, not on the background."""
    shape = (len(crops), *(1,) * (crops.ndim - 1))
    factor = _uniform(shape, 0.85, 1.15, crops, generator)
    offset = _uniform(shape, -0.05, 0.05, crops, generator)
    gamma = _uniform(shape, 0.85, 1.15, crops, generator)
    inside = crops > 0
    lit = factor * crops.clamp(min=1e-4) ** gamma + offset
    return torch.where(inside, lit.clamp(1e-4, 1.5), crops)
