"""Random changes of crops that leave the cell the same: pose, light, and errors of its mask."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["augment"]


def augment(crops: Tensor, generator: torch.Generator, *, masked: bool = True) -> Tensor:
    """Change crops at random.

    Flips and quarter turns are the same for the whole batch, because a cell hardly turns between two frames and its
    direction tells it from its neighbours. Each crop is turned by up to 15 degrees, scaled by up to 10 % and shifted by
    up to 6 % of its length, and changes its brightness by factor, offset and gamma. One masked crop of four loses the
    outermost ring of its mask and one gets a ring more.

    Parameters
    ----------
    crops
        Shape (n, 1, y, x) or (n, 1, z, y, x); if masked, 0 outside the cell.
    generator
        Source of randomness.
    masked
        Whether the crops end at the mask of the cell; patches do not.

    Returns
    -------
    Tensor
        The same shape.
    """
    crops = _move(_turn(crops, generator), generator, masked=masked)
    return _relight(_remask(crops, generator) if masked else crops, generator, masked=masked)


def _uniform(shape: tuple[int, ...], low: float, high: float, like: Tensor, generator: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(shape, generator=generator)).to(like)


def _one_each(crops: Tensor) -> tuple[int, ...]:
    """Shape of one number per crop."""
    return (len(crops), *(1,) * (crops.ndim - 1))


def _turn(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Flip and turn the batch in the (y, x) plane."""
    flip, turns = (int(torch.randint(4, (1,), generator=generator)) for _ in range(2))
    axes = [axis for bit, axis in ((1, -1), (2, -2)) if flip & bit]
    return torch.rot90(torch.flip(crops, axes), turns, (-2, -1))


def _move(crops: Tensor, generator: torch.Generator, *, masked: bool) -> Tensor:
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
    beyond = "zeros" if masked else "border"
    return functional.grid_sample(crops, grid, padding_mode=beyond, align_corners=False)


def _remask(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Take the outermost ring away from a quarter of the crops and put one around another quarter.

    What lies around a cell is not in its crop; a part of the brightest pixel beside it stands for it.
    """
    pool = functional.max_pool2d if crops.ndim == 4 else functional.max_pool3d
    background = (crops <= 0).to(crops)
    smaller = crops * (1 - pool(background, 3, stride=1, padding=1))
    beside = pool(crops, 3, stride=1, padding=1) * _uniform(_one_each(crops), 0.0, 1.0, crops, generator)
    larger = torch.where(crops > 0, crops, beside)
    drawn = _uniform(_one_each(crops), 0.0, 1.0, crops, generator)
    return torch.where(drawn < 0.25, smaller, torch.where(drawn > 0.75, larger, crops))


def _relight(crops: Tensor, generator: torch.Generator, *, masked: bool) -> Tensor:
    """Change the light on each cell, not on what is outside its mask."""
    factor = _uniform(_one_each(crops), 0.85, 1.15, crops, generator)
    offset = _uniform(_one_each(crops), -0.05, 0.05, crops, generator)
    gamma = _uniform(_one_each(crops), 0.85, 1.15, crops, generator)
    lit = (factor * crops.clamp(min=1e-4) ** gamma + offset).clamp(1e-4, 1.5)
    return torch.where(crops > 0, lit, crops) if masked else lit
