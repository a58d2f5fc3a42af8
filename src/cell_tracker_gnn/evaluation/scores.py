"""All scores of a result in one call."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cell_tracker_gnn.evaluation.comparison import Comparison

__all__ = ["evaluate", "score"]


def evaluate(result: Path | str, ground_truth: Path | str) -> dict[str, float | None]:
    """Score a tracking result against the truth.

    Parameters
    ----------
    result
        Folder of a result: ``maskNNN.tif`` and ``res_track.txt``.
    ground_truth
        Folder ``01_GT`` of the same sequence. ``TRA`` is needed, ``SEG`` is used where it is there.

    Returns
    -------
    dict
        Measures by name, ready for JSON: those of the Cell Tracking Challenge
        (see :func:`~cell_tracker_gnn.evaluation.ctc.ctc_measures`), of divisions
        (:func:`~cell_tracker_gnn.evaluation.divisions.division_scores`, strictly and with a tolerance of one frame) and
        of links (:func:`~cell_tracker_gnn.evaluation.links.link_counts`). A measure that the truth does not define is
        None.

    Raises
    ------
    InputError
        If a folder is missing or broken, or if both do not belong together.

    Examples
    --------
    >>> from cell_tracker_gnn import Tracker, evaluate
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> Tracker.from_pretrained().track(folder / "01_ERR_SEG", folder / "01").write("result")
    >>> evaluate("result", folder / "01_GT")["LNK"]
    1.0
    """
    from cell_tracker_gnn.evaluation.reading import compare

    return score(compare(Path(result), Path(ground_truth)))


def score(comparison: Comparison) -> dict[str, float | None]:
    """Score a result whose cells are matched already, see :func:`evaluate`."""
    from cell_tracker_gnn.evaluation.ctc import ctc_measures
    from cell_tracker_gnn.evaluation.divisions import division_scores
    from cell_tracker_gnn.evaluation.links import link_counts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = ctc_measures(comparison)
    scores.update(division_scores(comparison))
    scores.update(division_scores(comparison, tolerance=1))
    scores.update(link_counts(comparison))
    return scores
