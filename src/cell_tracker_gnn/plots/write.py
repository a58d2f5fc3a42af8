"""A figure of a result, from disk to disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Lineage
from cell_tracker_gnn.errors import InputError, OutputError, SettingsError
from cell_tracker_gnn.evaluation.links import expected_links
from cell_tracker_gnn.evaluation.reading import compare
from cell_tracker_gnn.io import read_lineage
from cell_tracker_gnn.io.output import check_new, new_file
from cell_tracker_gnn.io.paths import PathText, expanded
from cell_tracker_gnn.plots.canvas import need_matplotlib
from cell_tracker_gnn.plots.lineage import plot_lineage
from cell_tracker_gnn.plots.reliability import plot_reliability
from cell_tracker_gnn.plots.tracks import plot_tracks
from cell_tracker_gnn.report.images import find_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["KINDS", "write_plot"]

KINDS: tuple[str, ...] = ("lineage", "tracks", "reliability")
SUFFIXES: tuple[str, ...] = (".png", ".svg", ".pdf")

_DOTS = 150


def write_plot(
    result: PathText,
    kind: str,
    output: PathText,
    *,
    images: PathText | None = None,
    ground_truth: PathText | None = None,
    overwrite: bool = False,
) -> None:
    """Write a figure of a result.

    Parameters
    ----------
    result
        A result folder or any other format of :func:`~cell_tracker_gnn.io.read_lineage`.
    kind
        One of :data:`KINDS`.
    output
        A name that ends in ``.png``, ``.svg`` or ``.pdf``.
    images
        The images, for ``tracks``; left out, those that ``run.json`` names are taken if they are still there.
    ground_truth
        Folder such as ``01_GT``, for ``reliability``.
    overwrite
        Replace a former file.

    Raises
    ------
    InputError
        If the result, the images or the truth cannot be used.
    OutputError
        If the file exists and ``overwrite`` is False, or cannot be written.
    SettingsError
        If the name ends otherwise, the truth is missing, or matplotlib is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from cell_tracker_gnn.plots import write_plot
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> write_plot(folder / "01_GT", "tracks", "tracks.png", images=folder / "01")
    >>> Path("tracks.png").exists()
    True
    """
    path = expanded(output)
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"{path} is no name of a figure; let it end in one of {', '.join(SUFFIXES)}")
    if kind == "reliability" and ground_truth is None:
        raise SettingsError(
            "a reliability diagram compares with the truth; give a folder such as 01_GT: --ground-truth"
        )
    need_matplotlib()
    check_new(path, [place for place in (result, images, ground_truth) if place is not None], overwrite)
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} of the figure does not exist; make it first")
    axes = _draw(kind, read_lineage(result), expanded(result), images, ground_truth)
    try:
        with new_file(path) as temporary:
            axes.get_figure(root=True).savefig(temporary, format=path.suffix[1:].lower(), dpi=_DOTS)  # type: ignore[union-attr]
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another place") from error


def _draw(kind: str, lineage: Lineage, result: Path, images: PathText | None, ground_truth: PathText | None) -> Axes:
    if kind == "lineage":
        return plot_lineage(lineage)
    if kind == "tracks":
        shape = None if lineage.movie is None else lineage.movie.shape
        found = find_images(lineage.run, tuple(lineage.cells.numbers), shape, images)
        return plot_tracks(lineage, None if found is None else found[len(found) - 1])
    if kind != "reliability" or ground_truth is None:
        raise SettingsError(f"there is no plot {kind!r}; choose one of {', '.join(KINDS)}")
    return plot_reliability(*_judged(lineage, result, expanded(ground_truth)))


def _judged(lineage: Lineage, result: Path, ground_truth: Path) -> tuple[Floats, NDArray[np.bool_]]:
    """Probability of every link between cells that match the truth one to one, and whether it is right."""
    if np.isnan(lineage.links.probability).all():
        raise InputError(f"{result} has no probabilities of links; give a folder that `track` wrote, with its tables")
    comparison = compare(result, ground_truth)
    expected, cells, links = expected_links(comparison), lineage.cells, lineage.links
    names = list(zip(cells.frame.tolist(), lineage.track.tolist(), strict=True))
    ends = zip(links.source.tolist(), links.target.tolist(), strict=True)
    true = comparison.true_cell
    pairs = [(true.get(names[source]), true.get(names[target])) for source, target in ends]
    judged = np.array([None not in pair for pair in pairs], np.bool_) & ~np.isnan(links.probability)
    right = np.array([pair in expected for pair in pairs], np.bool_)
    return links.probability[judged], right[judged]
