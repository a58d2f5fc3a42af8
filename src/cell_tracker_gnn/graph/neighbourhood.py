"""Which candidate links a network is shown: all of them, or those within a box around each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Cells, Floats
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.graph.candidates import Candidates

__all__ = ["NEIGHBOURHOODS", "Description", "Neighbourhood", "observed_reach"]

NEIGHBOURHOODS: tuple[str, ...] = ("adaptive", "boxes", "movement")
"""Kinds of neighbourhoods: every candidate, by the bounding boxes of the cells, or by movements seen in training."""


@dataclass(frozen=True)
class Neighbourhood:
    """How far a cell may move, by axis.

    Parameters
    ----------
    kind
        ``"boxes"``: at most ``reach`` times the larger side of both bounding boxes per frame; ``"movement"``: at most
        ``reach`` in units of the scale per frame; ``"adaptive"``: as far as the candidates go.
    reach
        One number per axis, (z, y, x); in 2D the last two count. A single one is for all axes.

    Raises
    ------
    SettingsError
        If the kind is unknown or the numbers are not positive.
    """

    kind: str = "adaptive"
    reach: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in NEIGHBOURHOODS:
            raise SettingsError(
                f"the neighbourhood {self.kind!r} is unknown; choose one of {', '.join(NEIGHBOURHOODS)}"
            )
        if self.kind != "adaptive" and (len(self.reach) not in (1, 2, 3) or min(self.reach) <= 0):
            raise SettingsError(f"the reach {self.reach} of the neighbourhood is not one positive number per axis")

    def confine(self, cells: Cells, candidates: Candidates) -> Candidates:
        """The candidates within the neighbourhood of their source."""
        if self.kind == "adaptive" or not len(candidates):
            return candidates
        source, target, ahead = candidates.source, candidates.target, candidates.ahead
        rank = cells.rank
        moved = np.abs(cells.centroid[target] - cells.centroid[source])
        reach = np.asarray(self.reach if len(self.reach) == 1 else self.reach[-rank:])
        if self.kind == "boxes":
            side = cells.box[:, rank:] - cells.box[:, :rank]
            limit = reach * np.maximum(side[source], side[target])
        else:
            limit = np.broadcast_to(reach / np.asarray(cells.scale.step), moved.shape)
        kept: NDArray[np.bool_] = (moved <= limit * ahead[:, None]).all(axis=1)
        return Candidates(source[kept], target[kept], ahead[kept], candidates.shared[kept])


@dataclass(frozen=True)
class Description:
    """What a network is shown of a movie.

    Parameters
    ----------
    features
        ``"relative"`` features, or the measurements as they are (``"measured"``, the paper).
    neighbourhood
        Which candidate links.
    """

    features: str = "relative"
    neighbourhood: Neighbourhood = Neighbourhood()


def observed_reach(cells: Cells, candidates: Candidates, positive: NDArray[np.bool_]) -> Floats:
    """Largest movement of the true links per frame along each axis, in units of the scale, shape (rank,)."""
    source, target = candidates.source[positive], candidates.target[positive]
    moved = np.abs(cells.centroid[target] - cells.centroid[source]) * np.asarray(cells.scale.step)
    return np.asarray((moved / candidates.ahead[positive][:, None]).max(axis=0, initial=0.0))
