"""The diagram of the layers, drawn of the import contract in pyproject.toml.

    python docs/diagram.py

writes ``figures/architecture.svg``; a test compares both.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT, GAP, MARGIN, ARROW = 720, 34, 12, 10, 34


def layers() -> list[list[str]]:
    """Names of the parts of every layer, the uppermost first."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contract = next(each for each in settings["contracts"] if each["type"] == "layers")
    return [[part.strip().rpartition(".")[2] for part in row.split("|")] for row in contract["layers"]]


def diagram(rows: list[list[str]]) -> str:
    """An SVG with one row of boxes for each layer; what stands lower is imported by what stands higher."""
    height = 2 * MARGIN + len(rows) * (HEIGHT + GAP) - GAP
    shapes = []
    for number, row in enumerate(rows):
        wide = (WIDTH - GAP * (len(row) - 1)) / len(row)
        top = MARGIN + number * (HEIGHT + GAP)
        for place, name in enumerate(row):
            left = MARGIN + ARROW + place * (wide + GAP)
            shapes.append(
                f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{HEIGHT}" rx="5"/>'
                f'<text x="{left + wide / 2:.1f}" y="{top + HEIGHT / 2 + 4.5}">{name}</text>'
            )
    middle, end = MARGIN + 8, height - MARGIN
    arrow = f'<path d="M{middle} {MARGIN}V{end - 1}M{middle - 6} {end - 10}l6 9 6 -9"/>'
    style = (
        "rect{fill:#e8eff8;stroke:#5b7fa6}text{font:14px sans-serif;text-anchor:middle;fill:#16283c}"
        "path{fill:none;stroke:#5b7fa6;stroke-width:2}"
    )
    size = f'width="{WIDTH + 2 * MARGIN + ARROW}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>'
    return "\n".join([head, arrow, *shapes, "</svg>", ""])


if __name__ == "__main__":
    (HERE / "figures" / "architecture.svg").write_text(diagram(layers()), "utf-8")
