"""Truth and result side by side: both lineages and the matched cells of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cell_tracker_gnn.evaluation.lineage import CheckedLineage
from cell_tracker_gnn.evaluation.matching import FrameMatch

__all__ = ["Cell", "Comparison", "Link"]

Cell = tuple[int, int]
"""Index of the frame and label of a cell of the truth."""

Link = tuple[Cell, Cell]
"""The earlier and the later cell."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Truth and result with their matched cells.

    Parameters
    ----------
    truth, result
        The two lineages, with frames as indices.
    matches
        Matched cells of each frame.
    segmentation
        Matched cells of the frames (or slices) whose full outline is known, for SEG.
    """

    truth: CheckedLineage
    result: CheckedLineage
    matches: Sequence[FrameMatch]
    segmentation: Sequence[FrameMatch] = ()

    @cached_property
    def true_cell(self) -> dict[Cell, Cell]:
        """The true cell of each cell of the result, where the match is one to one."""
        return {
            (frame, int(result)): (frame, int(truth))
            for frame, match in enumerate(self.matches)
            for truth, result in zip(match.truth[match.unique], match.result[match.unique], strict=True)
        }

    @cached_property
    def result_cell(self) -> dict[Cell, Cell]:
        """The cell of the result for each true cell, where the match is one to one."""
        return {truth: result for result, truth in self.true_cell.items()}
