"""Measures of the trackers as tables for the terminal."""

from __future__ import annotations

from rich.table import Table

from cell_tracker_gnn.evaluation.table import format_score
from scoring import Row
from trackers import ORACLES

CUT = ("EA", "ED", "EC", "LNK", "TRA")
WHOLE = ("CHOTA", "BC(1)", "division_precision", "division_recall", "identity_switches")
Results = dict[str, dict[str, Row]]


def table(title: str, rows: dict[str, Row]) -> Table:
    names = ("tracker", "avoidable", *CUT, *WHOLE, "CPU s")
    laid_out = Table(*(name.replace("_", " ") for name in names), title=title)
    for column in laid_out.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        values = [avoidable(row, rows["oracle"]), *(row.without_gaps.get(key) for key in CUT)]
        values += [row.scores.get(key) for key in WHOLE]
        laid_out.add_row(name, *(format_score(value) for value in values), f"{row.cpu_seconds:.0f}")
    laid_out.caption = "\n".join(f"{name}: {row.problem}" for name, row in rows.items() if row.problem)
    return laid_out


def summary(results: Results) -> Table:
    """Avoidable errors of every tracker on every sequence, with their sum."""
    names = list(dict.fromkeys(name for rows in results.values() for name in rows if name not in ORACLES))
    laid_out = Table("avoidable errors", *names)
    for column in laid_out.columns[1:]:
        column.justify = "right"
    sums = {name: [avoidable(rows[name], rows["oracle"]) for rows in results.values()] for name in names}
    for place, sequence in enumerate(results):
        laid_out.add_row(sequence, *(format_score(sums[name][place]) for name in names))
    laid_out.add_section()
    laid_out.add_row("sum", *(total(sums[name]) for name in names))
    return laid_out


def total(values: list[float | None]) -> str:
    """Sum, with the number of sequences it is of when some are missing."""
    known = [value for value in values if value is not None]
    return f"{sum(known)}" if len(known) == len(values) else f"{sum(known)} of {len(known)}"


def avoidable(row: Row, oracle: Row) -> float | None:
    errors, floor = row.errors(), oracle.errors()
    return None if errors is None or floor is None else errors - floor
