"""What a network says of the candidate links and of the cells of a graph."""

from __future__ import annotations

from dataclasses import dataclass

from cell_tracker_gnn.data import Floats

__all__ = ["Scores"]


@dataclass(frozen=True, eq=False)
class Scores:
    """Log-odds, in nats.

    Parameters
    ----------
    link
        That each candidate link is right, shape (m,).
    appears, disappears, divides
        That each cell has no parent, has no child, has two children, shape (n,).
    """

    link: Floats
    appears: Floats
    disappears: Floats
    divides: Floats
