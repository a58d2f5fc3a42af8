"""Curves of a benchmark as a figure, from the JSON that it wrote.

    python benchmarks/figures.py benchmarks/results/damage.json docs/figures/damage.svg

The benchmarks draw their own figures where matplotlib is installed; this draws them again.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
COLORS = ("#56b4e9", "#009e73", "#cc79a7", "#b8a000", "#8c6bb1", "#999999")
"""Of the peers, in the order they come; of Okabe and Ito (2008), told apart by colour-blind readers."""

STYLES: dict[str, dict[str, Any]] = {
    "oracle": {"color": "black", "linestyle": ":", "linewidth": 1.2},
    "oracle-gaps": {"color": "black", "linestyle": "--", "linewidth": 1.2},
    "trees": {"color": "#e69f00", "linewidth": 1.4, "marker": "s", "markersize": 4},
}
OURS: dict[str, Any] = {"color": "#d1380f", "linewidth": 2.4, "marker": "o", "markersize": 5, "zorder": 5}
PEER: dict[str, Any] = {"linewidth": 1.2, "marker": ".", "markersize": 6}

Curves = dict[str, dict[str, list[tuple[float, float]]]]
"""Points of each tracker in each panel."""


def draw_if_possible(figure: dict[str, Any], path: Path) -> None:
    """Draw a figure, or say how to where matplotlib is absent."""
    if importlib.util.find_spec("matplotlib") is None:
        print(f"no matplotlib, so {path.name} is not drawn; see benchmarks/figures.py", file=sys.stderr)
        return
    draw(figure, path)


def draw(figure: dict[str, Any], path: Path) -> None:
    """Draw one panel beside the other.

    Parameters
    ----------
    figure
        ``curves`` by panel and tracker, the labels ``x`` and ``y``, and by panel the names ``ticks`` of the places
        0, 1, 2, ... where these are no numbers; ``marks``, the places to label where those of the points lie too close.
    path
        File to write, SVG or PNG.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    settings = {"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.size": 9, "axes.spines.right": False}
    curves: Curves = figure["curves"]
    with pyplot.rc_context({**settings, "axes.spines.top": False}):
        columns = min(len(curves), 3)
        rows = -(-len(curves) // columns)
        drawn, axes = pyplot.subplots(
            rows, columns, figsize=(1.6 + 3.0 * columns, 2.9 * rows), squeeze=False, sharey="row", layout="constrained"
        )
        names = list(dict.fromkeys(name for panel in curves.values() for name in panel))
        for axis, (title, panel) in zip(axes.flat, curves.items(), strict=False):
            ticks = figure.get("ticks", {}).get(title)
            _draw_panel(axis, panel, names, ticks, figure.get("marks"))
            axis.set(title=title, xlabel="" if ticks else figure["x"])
        for axis in axes.flat[len(curves) :]:
            axis.axis("off")
        for axis in axes[:, 0]:
            axis.set_ylabel(figure["y"])
        handles = {
            name: line for axis in axes.flat for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        shown = [name for name in reversed(names) if name in handles]
        drawn.legend([handles[name] for name in shown], shown, loc="outside right upper", frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_stem(f"{path.stem}-partial")
        drawn.savefig(partial, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
        partial.replace(path)
        pyplot.close(drawn)


def _draw_panel(
    axis: Any,
    panel: dict[str, list[tuple[float, float]]],
    names: list[str],
    ticks: list[str] | None,
    marks: list[float] | None,
) -> None:
    peers = [name for name in names if name not in STYLES and not name.startswith("ours")]
    for name, points in panel.items():
        style = STYLES.get(name) or (OURS if name not in peers else _peer_style(peers.index(name)))
        if ticks:
            style = {"marker": "_", "markersize": 14, "markeredgewidth": 2, **style, "linestyle": "none"}
        axis.plot(*zip(*points, strict=True), label=name, **style)
    axis.set_xticks(marks or sorted({x for points in panel.values() for x, _ in points}), ticks)
    if ticks:
        axis.margins(x=0.4)
    axis.grid(axis="y", color="0.9", linewidth=0.6)


def _peer_style(place: int) -> dict[str, Any]:
    return {**PEER, "color": COLORS[place % len(COLORS)]}


def main() -> None:
    source, target = (Path(word) for word in sys.argv[1:])
    draw(json.loads(source.read_text("utf-8"))["figure"], target)


if __name__ == "__main__":
    main()
