"""The tracks over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.features.regions import frame_levels
from cell_tracker_gnn.plots.canvas import new_axes
from cell_tracker_gnn.report.families import COLORS, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_tracks"]


def plot_tracks(
    lineage: Lineage, image: NDArray[np.generic] | None = None, axes: Axes | None = None, *, frame: int = -1
) -> Axes:
    """Draw the ways of all cells up to a frame over its image, families in their colours, seen along z.

    Axes are in the unit of the scale. Ways over missed frames are dotted; a dot shows where a cell is in the frame.

    Parameters
    ----------
    lineage
        A lineage with at least one cell.
    image
        The image of the frame, (y, x) or (z, y, x); without one the ground is dark.
    axes
        Where to draw; a new figure when left out.
    frame
        Index of the frame, counted from the end where it is negative.

    Raises
    ------
    InputError
        If there is no cell.
    SettingsError
        If matplotlib is not installed.

    Examples
    --------
    >>> from cell_tracker_gnn.io import open_frames, read_lineage
    >>> from cell_tracker_gnn.plots import plot_tracks
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> axes = plot_tracks(read_lineage(folder / "01_GT"), open_frames(folder / "01")[1], frame=1)
    >>> axes.get_title()
    'tracks up to frame 1'
    """
    cells, links = lineage.cells, lineage.links
    if not len(cells):
        raise InputError("the lineage has no cell, so there are no tracks to draw")
    index = range(len(cells.numbers))[frame]
    axes = axes or new_axes((7.0, 6.5))
    from matplotlib.collections import LineCollection

    axes.set_facecolor("#16161a")
    down, across = cells.scale.step[-2:]
    if image is not None:
        plane = image.max(axis=0) if image.ndim == 3 else image
        levels = frame_levels(plane)
        height, width = plane.shape
        extent = (-0.5 * across, (width - 0.5) * across, (height - 0.5) * down, -0.5 * down)
        axes.imshow(plane, cmap="gray", vmin=levels.dark, vmax=levels.dark + 1.4 * levels.span, extent=extent)
    color = np.array(COLORS)[families(lineage) % len(COLORS)]
    point = cells.position[:, :-3:-1]
    shown = (cells.frame[links.target] <= index) & (links.kind != KINDS.index("merge"))
    gap = cells.frame[links.target] - cells.frame[links.source] > 1
    for chosen, style in ((shown & ~gap, "solid"), (shown & gap, "dotted")):
        ways = np.stack([point[links.source[chosen]], point[links.target[chosen]]], axis=1)
        axes.add_collection(
            LineCollection(list(ways), colors=color[links.target[chosen]].tolist(), linewidths=1.2, linestyles=style)
        )
    here = cells.frame == index
    across_here, down_here = point[here].T
    axes.scatter(across_here, down_here, s=10, c=color[here].tolist(), edgecolors="black", linewidths=0.4, zorder=3)
    unit = cells.scale.unit
    axes.set(xlabel=f"x ({unit})", ylabel=f"y ({unit})", title=f"tracks up to frame {cells.numbers[index]}")
    axes.set_aspect("equal")
    if image is None:
        axes.autoscale()
        axes.invert_yaxis()
    return axes
