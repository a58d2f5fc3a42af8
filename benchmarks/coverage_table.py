"""Coverage of lines and branches by subpackage, and the functions that no test enters.

coverage run -m pytest; coverage combine; coverage json -o coverage.json
python benchmarks/coverage_table.py coverage.json > benchmarks/results/coverage.md
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

PACKAGE = "cell_tracker_gnn"
FEW = 0.9
"""Files of which less is covered are listed."""


def share(done: int, total: int) -> str:
    return f"{100 * done / total:.1f} %" if total else "-"


def rows(files: dict[str, Any]) -> list[str]:
    """One row per subpackage and one for everything."""
    sums: dict[str, Counter[str]] = {}
    for name, told in files.items():
        inside = Path(name.partition(f"{PACKAGE}/")[2])
        for group in (inside.parts[0] if len(inside.parts) > 1 else "(top)", "**all**"):
            sums.setdefault(group, Counter()).update({k: v for k, v in told["summary"].items() if isinstance(v, int)})
    lines = ["| part | lines | covered | branches | covered |", "|---|---|---|---|---|"]
    for group, count in sorted(sums.items(), key=lambda item: item[0].strip("*")):
        lines.append(
            f"| {group} | {count['num_statements']} | {share(count['covered_lines'], count['num_statements'])} "
            f"| {count['num_branches']} | {share(count['covered_branches'], count['num_branches'])} |"
        )
    return lines


def unused(files: dict[str, Any]) -> list[str]:
    """Functions of which no line runs."""
    found = []
    for name, told in sorted(files.items()):
        inside = name.partition(f"{PACKAGE}/")[2]
        names = [
            function
            for function, part in told.get("functions", {}).items()
            if function and part["summary"]["num_statements"] and not part["summary"]["covered_lines"]
        ]
        if names:
            found.append(f"- `{inside}`: {', '.join(f'`{function}`' for function in names)}")
    return found


def main() -> None:
    files = json.loads(Path(sys.argv[1]).read_text("utf-8"))["files"]
    low = []
    for name, told in sorted(files.items()):
        total, done = told["summary"]["num_statements"], told["summary"]["covered_lines"]
        if done < FEW * total:
            low.append(f"- `{name.partition(f'{PACKAGE}/')[2]}`: {share(done, total)}")
    print("\n".join([*rows(files), "", "Functions that no test enters:", "", *(unused(files) or ["- none"])]))
    print("\n".join(["", f"Files with less than {FEW:.0%} of their lines:", "", *(low or ["- none"])]))


if __name__ == "__main__":
    main()
