"""Precision, recall and F1 of divisions.

A division is a mother with two or more daughters. One of the result is right, with a tolerance of k frames, when

- its daughters and those of the true division first appear at most k frames apart,
- the mothers match one to one in their last common frame or in one of the k frames before it, and
- two daughters of the one match two daughters of the other in the first frame that they share or in one of the k after.

Tracks that continue over a gap count as one cell. Every division is used once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from cell_tracker_gnn.evaluation.comparison import Comparison
from cell_tracker_gnn.evaluation.lineage import CheckedLineage

__all__ = ["division_scores"]


@dataclass(frozen=True)
class _Division:
    mother: int
    end: int
    daughters: tuple[int, ...]
    begin: tuple[int, ...]


def division_scores(comparison: Comparison, tolerance: int = 0) -> dict[str, float | None]:
    """Precision, recall and F1 of the divisions of a result.

    Parameters
    ----------
    comparison
        Truth and result with their matched cells.
    tolerance
        Number of frames by which a division may be early or late.

    Returns
    -------
    dict
        ``division_precision``, ``division_recall`` and ``division_f1``, with ``_tolerance_k`` appended when the
        tolerance k is not 0, and None where there is nothing to divide by.
    """
    truth, result = _divisions(comparison.truth), _divisions(comparison.result)
    right = _count_right(comparison, truth, result, tolerance)
    name = f"_tolerance_{tolerance}" if tolerance else ""
    return {
        f"division_precision{name}": right / len(result) if result else None,
        f"division_recall{name}": right / len(truth) if truth else None,
        f"division_f1{name}": 2 * right / (len(truth) + len(result)) if truth or result else None,
    }


def _divisions(table: CheckedLineage) -> list[_Division]:
    return [
        _Division(
            table.identity[mother],
            table.span[mother][1],
            tuple(table.identity[daughter] for daughter in daughters),
            tuple(table.span[daughter][0] for daughter in daughters),
        )
        for mother, daughters in table.divisions.items()
    ]


def _count_right(comparison: Comparison, truth: list[_Division], result: list[_Division], tolerance: int) -> int:
    partner = _partners(comparison)
    rivals: dict[int, set[int]] = defaultdict(set)
    for (_, cell), other in partner.items():
        rivals[cell].add(other)
    unused = {division.mother: division for division in result}
    right = 0
    for division in truth:
        candidates = (unused[mother] for mother in sorted(rivals[division.mother]) if mother in unused)
        agreed = next((other for other in candidates if _agree(partner, division, other, tolerance)), None)
        if agreed is not None:
            right += 1
            del unused[agreed.mother]
    return right


def _partners(comparison: Comparison) -> dict[tuple[int, int], int]:
    """Identity in the result of a true identity in a frame."""
    truth, result = comparison.truth.identity, comparison.result.identity
    return {(frame, truth[label]): result[found] for (frame, label), (_, found) in comparison.result_cell.items()}


def _agree(partner: dict[tuple[int, int], int], truth: _Division, result: _Division, tolerance: int) -> bool:
    last = min(truth.end, result.end)
    before = range(last - tolerance, last + 1)
    if abs(min(truth.begin) - min(result.begin)) > tolerance:
        return False
    if all(partner.get((frame, truth.mother)) != result.mother for frame in before):
        return False
    found = set()
    for daughter, begin in zip(truth.daughters, truth.begin, strict=True):
        for other, start in zip(result.daughters, result.begin, strict=True):
            first = max(begin, start)
            if any(partner.get((frame, daughter)) == other for frame in range(first, first + tolerance + 1)):
                found.add((daughter, other))
    return len({daughter for daughter, _ in found}) >= 2 and len({other for _, other in found}) >= 2
