"""What a person knows better: links that must be chosen and links that must not be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cell_tracker_gnn.data import Cells, Integers
from cell_tracker_gnn.errors import InputError, LinkingError
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.candidates import Candidates
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.io.edits import Edit, Edits
from cell_tracker_gnn.linking.costs import LinkRewards
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["Corrections", "check_masks", "resolve_edits"]

_KNOWN = 12.0
"""Log-odds of a link that a person has judged."""

Place = tuple[int, int]
"""Rows of the earlier and of the later cell of a link."""

Named = tuple[int, int]
"""Frame number and label of a cell."""


@dataclass(frozen=True, eq=False)
class Corrections:
    """Links that must and that must not be chosen, as rows of cells.

    Parameters
    ----------
    fixed, forbidden
        Earlier and later cell of each link, shapes (a, 2) and (b, 2), every link once.
    """

    fixed: Integers
    forbidden: Integers

    def add_candidates(self, graph: Graph, scores: Scores) -> tuple[Graph, Scores]:
        """Make every fixed link a candidate, and say of all judged ones what is known of them.

        This comes after the network: what a person adds is no evidence about the links beside it.
        """
        known, count = graph.candidates, max(len(graph.cells), 1)
        new = self.fixed[~np.isin(_keys(self.fixed, count), known.target * count + known.source)]
        source, target = (np.concatenate([old, new[:, end]]) for end, old in enumerate((known.source, known.target)))
        order = np.lexsort((source, target))
        shared = np.concatenate([known.shared, np.zeros((len(new), 2))])
        source, target = source[order], target[order]
        ahead = graph.cells.frame[target] - graph.cells.frame[source]
        grown = replace(graph, candidates=Candidates(source, target, ahead, shared[order]))
        link = np.concatenate([scores.link, np.zeros(len(new))])[order]
        link[self._flags(grown, self.fixed)] = _KNOWN
        link[self._flags(grown, self.forbidden)] = -_KNOWN
        return grown, replace(scores, link=link)

    def constrain(self, graph: Graph, rewards: LinkRewards) -> LinkRewards:
        """The objective under these constraints; two fixed children are a division, even if one comes later."""
        fixed = self._flags(graph, self.fixed)
        children = np.bincount(self.fixed[:, 0], minlength=len(graph.cells))
        pairs = fixed & (children[graph.candidates.source] > 1)
        return replace(
            rewards,
            second_child_allowed=rewards.second_child_allowed | pairs,
            fixed=fixed,
            forbidden=self._flags(graph, self.forbidden),
        )

    @staticmethod
    def _flags(graph: Graph, links: Integers) -> Flags:
        candidates, count = graph.candidates, max(len(graph.cells), 1)
        return np.asarray(np.isin(candidates.target * count + candidates.source, _keys(links, count)))


def check_masks(edits: Edits, sha256: str) -> None:
    """Refuse corrections of other masks.

    Raises
    ------
    InputError
        If the hashes differ.
    """
    if edits.masks_sha256 != sha256:
        raise InputError(
            f"the corrections {edits.where} were made on other masks (SHA-256 {edits.masks_sha256[:12]}...) than these "
            f"({sha256[:12]}...), where the labels mean other cells; track the same masks and the same --frames again "
            "(masks that track made of images are in RESULT/masks)"
        )


def resolve_edits(edits: Sequence[Edit], cells: Cells, *, divisions: bool = True) -> Corrections:
    """Find the cells that the edits name and check that a lineage can obey all of them.

    Parameters
    ----------
    edits
        The corrections.
    cells
        The cells of the movie, under the labels of the input.
    divisions
        Whether cells may divide.

    Raises
    ------
    LinkingError
        If an edit names no cell or no later one, or if edits contradict each other; the message names frames and
        labels.
    """
    row = {place: i for i, place in enumerate(zip(cells.number.tolist(), cells.label.tolist(), strict=True))}
    fixed: dict[Place, Edit] = {}
    forbidden: dict[Place, Edit] = {}
    for edit in edits:
        ends = (_find(row, edit.frame_from, edit.label_from), _find(row, edit.frame_to, edit.label_to))
        if edit.frame_to <= edit.frame_from:
            raise LinkingError(f"the {_named(edit)} does not lead to a later frame; take it back or turn it round")
        (forbidden if edit.op == "cut" else fixed)[ends] = edit
    both = next((edit for ends, edit in fixed.items() if ends in forbidden), None)
    if both is not None:
        raise LinkingError(f"the {_named(both)} is both cut and {_past(both)}; take one of the two back")
    _check_family(list(fixed.values()), divisions=divisions)
    return Corrections(_rows(fixed), _rows(forbidden))


def _check_family(fixed: Sequence[Edit], *, divisions: bool) -> None:
    """Refuse a second parent and a third child."""
    parents: dict[Named, list[str]] = defaultdict(list)
    children: dict[Named, list[str]] = defaultdict(list)
    for edit in fixed:
        source, target = (edit.frame_from, edit.label_from), (edit.frame_to, edit.label_to)
        parents[target].append(_cell(*source))
        children[source].append(_cell(*target))
    for cell, named in parents.items():
        if len(named) > 1:
            raise LinkingError(f"{_cell(*cell)} is given {_listed(named)} as parents; leave it one of them")
    for cell, named in children.items():
        if len(named) > 2:
            raise LinkingError(f"{_cell(*cell)} is given {_listed(named)} as children; leave it two of them")
        if len(named) > 1 and not divisions:
            raise LinkingError(
                f"{_cell(*cell)} is given two children, {_listed(named)}, but --no-divisions is set; "
                "leave it one of them or the option away"
            )


def _find(row: dict[Named, int], frame: int, label: int) -> int:
    if (frame, label) not in row:
        raise LinkingError(
            f"a correction names {_cell(frame, label)}, which is not there; correct it, or leave out --min-size if it "
            "is a small one"
        )
    return row[frame, label]


def _cell(frame: int, label: int) -> str:
    return f"cell {label} of frame {frame}"


def _named(edit: Edit) -> str:
    return f"link from {_cell(edit.frame_from, edit.label_from)} to {_cell(edit.frame_to, edit.label_to)}"


def _past(edit: Edit) -> str:
    return {"add": "added", "confirm": "confirmed"}[edit.op]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _rows(links: dict[Place, Edit]) -> Integers:
    return np.array(list(links), np.int64).reshape(-1, 2)


def _keys(links: Integers, count: int) -> Integers:
    return np.asarray(links[:, 1] * count + links[:, 0])
