"""Turn what ``accuracy.py`` stored into tables of a document.

python benchmarks/markdown.py benchmarks/results/accuracy.json benchmarks/results/accuracy.md
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cell_tracker_gnn.evaluation.table import format_score
from tables import WHOLE
from trackers import ORACLES

CUT = ("LNK", "TRA")

Rows = dict[str, Any]


def overview(sequences: dict[str, Rows]) -> list[str]:
    """Avoidable errors of all trackers, the smallest of each sequence in bold."""
    present = dict.fromkeys(n for rows in sequences.values() for n in rows if n not in ORACLES)
    names = sorted(present, key=lambda name: not name.startswith("ours"))
    lines = ["| data set | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    sums: dict[str, list[int]] = {name: [] for name in names}
    for sequence, rows in sequences.items():
        found = {name: (rows.get(name) or {}).get("avoidable") for name in names}
        best = min(value for value in found.values() if value is not None)
        for name, value in found.items():
            sums[name] += [] if value is None else [value]
        shown = ("-" if v is None else f"**{v}**" if v == best else str(v) for v in found.values())
        lines.append(f"| {sequence} | " + " | ".join(shown) + " |")
    total = (f"{sum(v)}" if len(v) == len(sequences) else f"{sum(v)} of {len(v)} sets" for v in sums.values())
    return [*lines, "| sum | " + " | ".join(total) + " |"]


def measures(rows: Rows) -> list[str]:
    """All measures of all trackers on one sequence."""
    columns = ("avoidable", *CUT, *(name.replace("_", " ") for name in WHOLE), "CPU s")
    lines = ["| tracker | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        if not row or row.get("problem"):
            continue
        values = [row.get("avoidable"), *(row["without_gaps"].get(key) for key in CUT)]
        values += [row["scores"].get(key) for key in WHOLE]
        lines.append(f"| {name} | " + " | ".join(map(format_score, values)) + f" | {row['cpu_seconds']:.0f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("document", type=Path)
    arguments = parser.parse_args()
    stored = json.loads(arguments.result.read_text("utf-8"))
    sequences: dict[str, Rows] = stored["sequences"]
    parts = [["# Accuracy", "", f"`{' '.join(stored['command'])}`", "", "Avoidable errors:", "", *overview(sequences)]]
    parts += [[f"## {sequence}", "", *measures(rows)] for sequence, rows in sequences.items()]
    arguments.document.write_text("\n\n".join("\n".join(part) for part in parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
