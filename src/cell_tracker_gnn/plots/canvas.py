"""Axes to draw on, without a window and without the settings of pyplot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cell_tracker_gnn.io.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["need_matplotlib", "new_axes"]


def need_matplotlib() -> None:
    """Make sure that matplotlib is there.

    Raises
    ------
    SettingsError
        If it is not installed.
    """
    require("a plot", "matplotlib", extra="plots")


def new_axes(size: tuple[float, float]) -> Axes:
    """Axes of a new figure of this width and height in inches.

    Raises
    ------
    SettingsError
        If matplotlib is not installed.
    """
    need_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").add_subplot()
