r"""Our own counts of links, gap links and identity switches.

Only cells that match one to one are judged, so a count is the linker's fault and not that of the masks. The truth is
seen through the masks: the *expected* parent of a matched true cell is its nearest ancestor that is matched too. An
expected link between consecutive frames is a **link**, one that passes over at least a frame is a **gap link**.
Whether a link is a division makes no difference here; divisions have counts of their own.
"""

from __future__ import annotations

from cell_tracker_gnn.evaluation.comparison import Cell, Comparison, Link
from cell_tracker_gnn.evaluation.lineage import CheckedLineage

__all__ = ["expected_links", "found_links", "link_counts"]


def link_counts(comparison: Comparison) -> dict[str, float | None]:
    """Wrong and missed links, precision and recall of gap links, identity switches.

    Parameters
    ----------
    comparison
        Truth and result with their matched cells.

    Returns
    -------
    dict
        ``links``: expected links between consecutive frames; ``wrong_links``: unexpected ones of the result;
        ``missed_links``: expected links that the result lacks; ``gap_links``: expected gap links;
        ``gap_links_found``: gap links of the result between matched cells; ``gap_precision``, ``gap_recall``;
        ``identity_switches``: how often a true cell, followed over its matches, changes its identity in the result;
        ``fragmentations``: those of them in which the new identity begins at that very cell, so that a track broke
        rather than went over to another cell.
    """
    expected = expected_links(comparison)
    found = found_links(comparison)
    links, gaps = _split(expected)
    steps, found_gaps = _split(found)
    right_gaps = len(gaps & found_gaps)
    switches, breaks = _identity_switches(comparison)
    return {
        "links": len(links),
        "wrong_links": len(steps - links),
        "missed_links": len(links - steps),
        "gap_links": len(gaps),
        "gap_links_found": len(found_gaps),
        "gap_precision": right_gaps / len(found_gaps) if found_gaps else None,
        "gap_recall": right_gaps / len(gaps) if gaps else None,
        "identity_switches": switches,
        "fragmentations": breaks,
    }


def _split(links: set[Link]) -> tuple[set[Link], set[Link]]:
    gaps = {link for link in links if link[1][0] - link[0][0] > 1}
    return links - gaps, gaps


def _parents(table: CheckedLineage) -> dict[Cell, Cell]:
    """Find the cell one link earlier of every cell that has one."""
    found: dict[Cell, Cell] = {}
    for label, begin, end, parent in table.rows.tolist():
        if parent:
            found[begin, label] = (table.span[parent][1], parent)
        found.update({(frame, label): (frame - 1, label) for frame in range(begin + 1, end + 1)})
    return found


def expected_links(comparison: Comparison) -> set[Link]:
    """Find the true links between matched cells, over missed ones where they are not."""
    parents, matched = _parents(comparison.truth), comparison.result_cell
    links: set[Link] = set()
    for cell in matched:
        ancestor = parents.get(cell)
        while ancestor is not None and ancestor not in matched:
            ancestor = parents.get(ancestor)
        if ancestor is not None:
            links.add((ancestor, cell))
    return links


def found_links(comparison: Comparison) -> set[Link]:
    """Links of the result, told in cells of the truth."""
    true_cell = comparison.true_cell
    return {
        (true_cell[parent], true_cell[cell])
        for cell, parent in _parents(comparison.result).items()
        if cell in true_cell and parent in true_cell
    }


def _identity_switches(comparison: Comparison) -> tuple[int, int]:
    truth, result = comparison.truth.identity, comparison.result.identity
    last: dict[int, int] = {}
    switches = breaks = 0
    for (frame, label), (_, found) in sorted(comparison.result_cell.items()):
        cell, identity = truth[label], result[found]
        if last.setdefault(cell, identity) != identity:
            switches += 1
            breaks += identity == found and comparison.result.span[found][0] == frame
        last[cell] = identity
    return switches, breaks
