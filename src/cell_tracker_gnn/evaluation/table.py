"""The scores as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["format_score", "format_table", "format_verdict"]

MEANINGS: dict[str, str] = {
    "TRA": "tracking accuracy (nodes and edges)",
    "DET": "detection accuracy (nodes)",
    "LNK": "linking accuracy (edges)",
    "SEG": "segmentation accuracy",
    "CHOTA": "association over whole lineages; read it beside LNK",
    "CT": "complete tracks",
    "TF": "fraction of each track covered in one piece",
    "CCA": "cell cycle accuracy",
    "BC(i)": "branching correctness, divisions at most i frames off",
    "BIO(i)": "mean of CT, TF, CCA and BC(i)",
    "OP_CLB(i)": "mean of LNK and BIO(i)",
    "EA": "edges to add",
    "ED": "edges to delete",
    "EC": "edges of the wrong kind",
    "NS": "merged cells to split",
    "FN": "missed cells",
    "FP": "spurious cells",
    "division_precision": "divisions found that are right",
    "division_recall": "true divisions that are found",
    "division_f1": "both together",
    "links": "true links between detected cells in consecutive frames",
    "wrong_links": "links found that are not true",
    "missed_links": "true links not found",
    "gap_links": "true links over missed cells",
    "gap_links_found": "links found that pass over a frame",
    "gap_precision": "of those found, the right ones",
    "gap_recall": "of the true ones, those found",
    "identity_switches": "how often a cell changes its identity",
    "fragmentations": "those where its track merely broke",
}


def format_table(scores: Mapping[str, float | None]) -> Table:
    """Lay out the scores with one line of explanation each.

    Parameters
    ----------
    scores
        What :func:`~cell_tracker_gnn.evaluation.evaluate` returned.

    Returns
    -------
    rich.table.Table
        Name, value ("-" where undefined) and meaning of each score, in the order of ``scores``.

    Examples
    --------
    >>> from cell_tracker_gnn.evaluation import format_table
    >>> table = format_table({"LNK": 0.991, "wrong_links": 30})
    >>> table.row_count
    2
    """
    from rich.table import Table

    table = Table("score", "value", "meaning")
    table.columns[1].justify = "right"
    for name, value in scores.items():
        table.add_row(name, format_score(value), _meaning(name))
    return table


def format_verdict(scores: Mapping[str, float | None]) -> str:
    """The two counts that are read first, as a sentence.

    Parameters
    ----------
    scores
        What :func:`~cell_tracker_gnn.evaluation.evaluate` returned.

    Examples
    --------
    >>> from cell_tracker_gnn.evaluation import format_verdict
    >>> format_verdict({"links": 1078, "wrong_links": 6, "missed_links": 2})
    '6 links are wrong and 2 of 1,078 true ones are missed, cells that the masks lack left aside'
    """
    wrong, missed, links = (scores[name] or 0 for name in ("wrong_links", "missed_links", "links"))
    found = f"{wrong:,} link{' is' if wrong == 1 else 's are'} wrong"
    lost = f"{missed:,} of {links:,} true ones {'is' if missed == 1 else 'are'} missed"
    return f"{found} and {lost}, cells that the masks lack left aside"


def format_score(value: float | None) -> str:
    """A score with four digits, a count as it is, a dash for none."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _meaning(name: str) -> str:
    stem, tolerated, frames = name.partition("_tolerance_")
    if "(" in name:
        family, _, most = name.removesuffix(")").partition("(")
        return MEANINGS[f"{family}(i)"].replace("BC(i)", f"BC({most})").replace("i frames", f"{most} frames")
    meaning = MEANINGS.get(stem, "")
    return f"{meaning}, {frames} frame early or late allowed" if tolerated else meaning
