"""Where a result is wrong: every wrong and every missed link, told in cells of the result."""

from __future__ import annotations

from dataclasses import dataclass

from cell_tracker_gnn.evaluation.comparison import Cell, Comparison
from cell_tracker_gnn.evaluation.links import expected_links, found_links

__all__ = ["Mistake", "list_mistakes"]


@dataclass(frozen=True, order=True)
class Mistake:
    """One link that should not be there or should.

    Parameters
    ----------
    later, earlier
        Index of the frame and label in the result of both cells.
    kind
        ``"wrong"`` or ``"missed"``.
    """

    later: Cell
    earlier: Cell
    kind: str


def list_mistakes(comparison: Comparison) -> list[Mistake]:
    """Wrong and missed links in the order of the movie; links over missed frames count, too.

    As in :func:`~cell_tracker_gnn.evaluation.links.link_counts`, only cells that match one to one are judged.

    Parameters
    ----------
    comparison
        Truth and result with their matched cells.
    """
    expected, found = expected_links(comparison), found_links(comparison)
    name = comparison.result_cell
    wrong = [Mistake(name[later], name[earlier], "wrong") for earlier, later in found - expected]
    missed = [Mistake(name[later], name[earlier], "missed") for earlier, later in expected - found]
    return sorted(wrong + missed)
