"""The reliability diagram: how often links of a stated probability are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.evaluation.calibration import calibration_error, reliability
from cell_tracker_gnn.plots.canvas import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_reliability"]

_MARKS = (0.1, 0.5, 0.9, 0.99, 0.999)
_LOWEST, _HIGHEST = 0.03, 0.9997
_MARGIN = 0.3
_NORMAL_90 = 1.645


def plot_reliability(probability: Floats, right: NDArray[np.bool_], axes: Axes | None = None) -> Axes:
    """Draw the share of right decisions over their stated probability, in bins of equally many, on log-odds axes.

    Bars are 90 % intervals of the shares (Wilson 1927). Values beyond the axes stand at their ends.

    Parameters
    ----------
    probability
        Stated probability of each decision, in [0, 1], shape (n,).
    right
        Whether it is right, shape (n,).
    axes
        Where to draw; a new figure when left out.

    Raises
    ------
    InputError
        If there is no decision.
    SettingsError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.plots import plot_reliability
    >>> stated, right = np.repeat([0.5, 0.9], 10), np.array([True, False] * 5 + [True] * 9 + [False])
    >>> plot_reliability(stated, right).get_title()
    '20 links, 6 wrong, calibration error 0.0000'
    """
    if not len(probability):
        raise InputError("there is no judged link with a probability, so there is no reliability to draw")
    table = reliability(probability, right)
    low, high = _wilson(table.right, table.count.astype(np.float64))
    axes = axes or new_axes((5.0, 5.0))
    ends = _odds(np.array([_LOWEST, _HIGHEST]))
    axes.plot(ends, ends, color="0.6", linewidth=1, linestyle="--", label="perfect")
    stated, share = _odds(table.stated), _odds(table.right)
    bars = np.stack([share - _odds(low), _odds(high) - share])
    axes.errorbar(stated, share, yerr=np.maximum(bars, 0), fmt="o-", color="#0072b2", linewidth=1.2, label="links")
    marks = _odds(np.array(_MARKS))
    names = [f"{mark:g}" for mark in _MARKS]
    axes.set_xticks(marks, names)
    axes.set_yticks(marks, names)
    limits = ends[0] - _MARGIN, ends[1] + _MARGIN
    axes.set(xlim=limits, ylim=limits)
    error = calibration_error(probability, right)
    axes.set(
        xlabel="stated probability",
        ylabel="share of right links",
        title=f"{len(right)} links, {int((~right).sum())} wrong, calibration error {error:.4f}",
    )
    axes.grid(color="0.92")
    axes.set_aspect("equal")
    axes.legend(frameon=False)
    return axes


def _odds(share: Floats) -> Floats:
    clipped = np.clip(share, _LOWEST, _HIGHEST)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def _wilson(share: Floats, count: Floats) -> tuple[Floats, Floats]:
    """90 % interval of a share: Wilson, Journal of the American Statistical Association 22 (1927)."""
    square = _NORMAL_90**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _NORMAL_90 * np.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return middle - half, middle + half
