"""What a person makes of the doubts: corrections of links with undo and redo, without any window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.errors import InputError, LinkingError
from cell_tracker_gnn.io.edits import Edit, Edits, parse_edits
from cell_tracker_gnn.io.result import uncertain_columns
from cell_tracker_gnn.linking.corrections import check_masks, resolve_edits

__all__ = ["Doubt", "Link", "Proofreading", "list_doubts"]

MOST_DOUBTS = 3000
"""So many doubts are listed; the most doubtful ones come first."""

_MERGE = KINDS.index("merge")
"""This kind and the ones after it belong to merged masks."""

Link = tuple[int, int]
"""Rows of the earlier and of the later cell."""


@dataclass(frozen=True)
class Doubt:
    """A decision that may be wrong.

    Parameters
    ----------
    kind
        Kind of the link, or ``"division"``, ``"beginning"``, ``"end"``.
    source, target
        Rows of the cells; None where there is none.
    probability
        That the decision is right.
    is_link
        Whether it is one link rather than an event.
    """

    kind: str
    source: int | None
    target: int | None
    probability: float
    is_link: bool


def list_doubts(lineage: Lineage, columns: Mapping[str, NDArray[Any]] | None = None) -> tuple[Doubt, ...]:
    """The doubtful decisions of a lineage, the most doubtful one first.

    Parameters
    ----------
    lineage
        The lineage.
    columns
        Those of its ``uncertain.csv``; left out, they are made from its events.
    """
    table = uncertain_columns(lineage) if columns is None else columns
    row = {place: i for i, place in enumerate(_places(lineage))}

    def cell(end: str, i: int) -> int | None:
        frame, label = table[f"frame_{end}"][i], table[f"label_{end}"][i]
        # What is not there is masked in memory and not a number on disk.
        return None if np.ma.is_masked(frame) or np.isnan(frame) else row.get((int(frame), int(label)))

    count = min(len(table["decision"]), MOST_DOUBTS)
    return tuple(
        Doubt(
            str(table["kind"][i]),
            cell("from", i),
            cell("to", i),
            float(table["probability"][i]),
            str(table["decision"][i]) == "link",
        )
        for i in range(count)
    )


class Proofreading:
    """Corrections of one lineage.

    Parameters
    ----------
    lineage
        The lineage; corrections that it already obeys are taken over.
    doubts
        Its doubts, see :func:`list_doubts`.
    """

    def __init__(self, lineage: Lineage, doubts: tuple[Doubt, ...] | None = None) -> None:
        self.lineage = lineage
        self.doubts = list_doubts(lineage) if doubts is None else doubts
        links = lineage.links
        own = links.kind < _MERGE
        self._linked = set(zip(links.source[own].tolist(), links.target[own].tolist(), strict=True))
        self._row = {place: i for i, place in enumerate(_places(lineage))}
        self._at = {
            place: i for i, place in enumerate(zip(lineage.cells.frame.tolist(), lineage.track.tolist(), strict=True))
        }
        self._past: list[dict[Link, str]] = []
        self._future: list[dict[Link, str]] = []
        self._now: dict[Link, str] = {}
        if lineage.run.get("edits") and "masks_sha256" in lineage.run:
            given = {"version": 1, "masks_sha256": lineage.run["masks_sha256"], "edits": lineage.run["edits"]}
            self._now = self._links(parse_edits(given, "run.json"))
        self._saved = self._now

    @property
    def is_saved(self) -> bool:
        """Whether the corrections are those that were saved last."""
        return self._now == self._saved

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self._future)

    def __len__(self) -> int:
        return len(self._now)

    def of(self, doubt: Doubt) -> str:
        """What was done to a doubt: ``"confirm"``, ``"cut"``, ``"add"``, ``"relinked"`` or an empty text."""
        done = {self._now[link] for link in self.links(doubt) if link in self._now}
        if done:
            return "cut" if "cut" in done else done.pop()
        source, target = doubt.source, doubt.target
        changed = any(
            op == "add" and ((source is not None and source == a) or (target is not None and target == b))
            for (a, b), op in self._now.items()
        )
        return "relinked" if changed else ""

    def links(self, doubt: Doubt) -> list[Link]:
        """The links that a doubt is about and that can be judged: one, the two of a division, or none.

        Links into and out of merged masks come beside the others and are no choice of their own.
        """
        if doubt.kind in KINDS[_MERGE:]:
            return []
        if doubt.is_link and doubt.source is not None and doubt.target is not None:
            return [(doubt.source, doubt.target)]
        return sorted(link for link in self._linked if link[0] == doubt.source) if doubt.kind == "division" else []

    def ends(self, doubt: Doubt) -> tuple[list[int], list[int]]:
        """The cells that a doubt leads from and to, as rows; of a division, both daughters."""
        earlier = [] if doubt.source is None else [doubt.source]
        later = [] if doubt.target is None else [doubt.target]
        return earlier, later or [target for _, target in self.links(doubt)]

    def go_on_from(self, former: Proofreading) -> None:
        """Take over the steps that can be undone, and what was saved, from the same cells tracked before."""
        same = [
            np.array_equal(getattr(self.lineage.cells, name), getattr(former.lineage.cells, name))
            for name in ("frame", "label")
        ]
        if all(same):
            self._past, self._future, self._saved = former._past, former._future, former._saved

    def cell(self, frame: int, track: int) -> int | None:
        """Row of the cell of a track in a frame, by the index of the frame."""
        return self._at.get((frame, track))

    def doubt_of_cell(self, row: int) -> Doubt:
        """How a cell came to be, as if it were a doubt: the link into it or its beginning."""
        into = sorted(link for link in self._linked if link[1] == row)
        if not into:
            return Doubt("beginning", None, row, float("nan"), is_link=False)
        source, links = into[0][0], self.lineage.links
        place = int(np.flatnonzero((links.source == source) & (links.target == row))[0])
        kind, probability = KINDS[int(links.kind[place])], float(links.probability[place])
        return Doubt(kind, source, row, probability, is_link=True)

    def confirm(self, doubt: Doubt) -> None:
        """Fix the links of a doubt."""
        self._apply(dict.fromkeys(self._needed(doubt), "confirm"))

    def cut(self, doubt: Doubt) -> None:
        """Forbid the link of a doubt, of a division the less probable of its two links."""
        links = self._needed(doubt)
        if len(links) > 1:
            links = [min(links, key=self._probability)]
        self._apply(dict.fromkeys(links, "cut"))

    def relink(self, doubt: Doubt, cell: int) -> None:
        """Lead to or from another cell instead: a later one is a new child, another one a new parent.

        Raises
        ------
        LinkingError
            If the cell lies in no suitable frame or the corrections contradict each other.
        """
        link = self._new_link(doubt, cell)
        changes = {link: "confirm" if link in self._linked else "add"}
        if link[0] == doubt.source:
            # A new parent replaces the old one anyway; a new child would make it a division.
            changes = {**dict.fromkeys(self.links(doubt), "cut"), **changes}
        self._apply(changes)

    def add_daughter(self, doubt: Doubt, cell: int) -> None:
        """Let the earlier cell of a doubt divide into its present child and another cell.

        Raises
        ------
        LinkingError
            If there is no earlier cell or the corrections contradict each other.
        """
        if doubt.source is None:
            raise LinkingError("a beginning has no mother yet; link it to one first")
        link = (doubt.source, cell)
        kept = dict.fromkeys(self.links(doubt)[:1], "confirm")
        self._apply({**kept, link: "confirm" if link in self._linked else "add"})

    def take_back(self, doubt: Doubt) -> None:
        """Leave the links of a doubt to the tracker again."""
        links = {link for link in self._now if link in self.links(doubt)} or {
            link
            for link, op in self._now.items()
            if op == "add" and (link[0] == doubt.source or link[1] == doubt.target)
        }
        if links:
            self._set({link: op for link, op in self._now.items() if link not in links})

    def undo(self) -> None:
        """Take the last step back."""
        if self._past:
            self._future.append(self._now)
            self._now = self._past.pop()

    def redo(self) -> None:
        """Do again what was taken back."""
        if self._future:
            self._past.append(self._now)
            self._now = self._future.pop()

    def edits(self) -> Edits:
        """The corrections, as the file has them.

        Raises
        ------
        InputError
            If it is not known which masks the lineage was made of.
        """
        digest = self.lineage.run.get("masks_sha256")
        if not isinstance(digest, str):
            raise InputError("this lineage does not say which masks it was made of; track the masks here first")
        return Edits(digest, tuple(self._edits(self._now)))

    def load(self, edits: Edits) -> None:
        """Take the corrections of a file, one step of undo.

        Raises
        ------
        InputError
            If they were made on other masks.
        LinkingError
            If they name a cell that is not there or contradict each other.
        """
        check_masks(edits, self.edits().masks_sha256)
        resolve_edits(edits.edits, self.lineage.cells)
        self._set(self._links(edits))

    def mark_saved(self) -> None:
        """The corrections are in a file now."""
        self._saved = self._now

    def _links(self, edits: Edits) -> dict[Link, str]:
        ends = (
            (e.op, self._row.get((e.frame_from, e.label_from)), self._row.get((e.frame_to, e.label_to)))
            for e in edits.edits
        )
        return {(a, b): op for op, a, b in ends if a is not None and b is not None}

    def _edits(self, links: Mapping[Link, str]) -> list[Edit]:
        number, label = self.lineage.cells.number, self.lineage.cells.label
        ordered = sorted(links.items(), key=lambda item: item[0][::-1])
        return [Edit(op, int(number[a]), int(label[a]), int(number[b]), int(label[b])) for (a, b), op in ordered]

    def _needed(self, doubt: Doubt) -> list[Link]:
        links = self.links(doubt)
        if not links:
            raise LinkingError(f"there is no link at this {doubt.kind}; select a cell and link to it")
        return links

    def _new_link(self, doubt: Doubt, cell: int) -> Link:
        frame = self.lineage.cells.frame
        if doubt.source is not None and frame[cell] > frame[doubt.source]:
            return doubt.source, cell
        if doubt.target is not None and frame[cell] < frame[doubt.target]:
            return cell, doubt.target
        raise LinkingError("a link must lead to a later frame; go to another frame and select a cell there")

    def _probability(self, link: Link) -> float:
        links = self.lineage.links
        return float(links.probability[(links.source == link[0]) & (links.target == link[1])].min())

    def _apply(self, changes: Mapping[Link, str]) -> None:
        """Put corrections in the place of former ones of the same links, if a lineage can obey all of them."""
        changed = {**self._now, **changes}
        settings = self.lineage.run.get("settings")
        divisions = not isinstance(settings, Mapping) or bool(settings.get("divisions", True))
        resolve_edits(self._edits(changed), self.lineage.cells, divisions=divisions)
        self._set(changed)

    def _set(self, changed: dict[Link, str]) -> None:
        self._past.append(self._now)
        self._future = []
        self._now = changed


def _places(lineage: Lineage) -> list[tuple[int, int]]:
    """Frame number and label of each cell."""
    return list(zip(lineage.cells.number.tolist(), lineage.cells.label.tolist(), strict=True))
