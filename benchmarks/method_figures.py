"""Figures of the documents that show the method at work on a simulated movie, drawn by the package itself.

    python benchmarks/method_figures.py docs/figures

Needs matplotlib (extra ``plots``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.segmentation import find_boundaries

from cell_tracker_gnn import Lineage, Movie, TrackSettings, open_movie
from cell_tracker_gnn.data import ArrayFrames, Frames
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import load_model
from cell_tracker_gnn.pipeline import track_movie
from cell_tracker_gnn.plots import plot_lineage
from cell_tracker_gnn.report.drawing import Brush
from cell_tracker_gnn.report.families import PAPER_COLORS, families
from cell_tracker_gnn.simulation import SimulationSettings, simulate
from pictures import write_small

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection

MOVIE = SimulationSettings(
    "nuclei", 26, (210, 210), 26, seed=5, motion=1.4, division_rate=2.0, variety=0.5, drift=1.5, missed=0.01
)
SHOWN = 14
"""The frame that is shown with its successor."""

ZOOM = 2
"""Pixels of the drawn tracks per pixel of the movie."""

WEIGHT = mpl.colors.LinearSegmentedColormap.from_list("weight", ["#4d7fc4", "#ffd24a"])

LOOK: dict[str, Any] = {"font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left", "figure.dpi": 110}


class Example(NamedTuple):
    """The movie with its images, its candidate links with their log-odds, and its lineage."""

    movie: Movie
    images: Frames
    graph: Graph
    scores: Scores
    flow: NDArray[np.float64]
    lineage: Lineage


def make_example() -> Example:
    """Track the movie, keeping what lies between masks and lineage."""
    simulation = simulate(MOVIE)
    frames = list(simulation)
    masks = ArrayFrames([simulation.damaged(frame) for frame in frames])
    images = ArrayFrames([frame.image for frame in frames])
    movie = open_movie(masks, images)
    model, settings = load_model("general"), TrackSettings()
    cells, movement = extract_features(movie, max_gap=settings.max_gap)
    graph = build_graph(cells, movement, max_gap=settings.max_gap)
    scores = score_graph(model.network, graph)
    return Example(movie, images, graph, scores, movement.flow[0], track_movie(movie, model, settings))


def show(axis: Any, example: Example, frame: int, outline: str) -> None:
    """One image, dimmed, with the outlines of its masks."""
    image, mask = np.asarray(example.images[frame], np.float64), np.asarray(example.movie.masks[frame])
    low, high = np.percentile(image, [1, 99.8])
    axis.imshow(np.clip((image - low) / (high - low), 0, 1) ** 0.7, cmap="gray", vmax=1.25)
    edge = find_boundaries(mask, mode="inner")
    axis.imshow(np.ma.masked_where(~edge, edge), cmap=mpl.colors.ListedColormap([outline]), interpolation="none")
    axis.set(xticks=[], yticks=[])


def draw_candidates(axis: Any, example: Example, frame: int) -> None:
    """Candidate links to the next frame, the brighter the more probable."""
    cells, links = example.graph.cells, example.graph.candidates
    show(axis, example, frame, "#6f8aa8")
    here = (cells.frame[links.source] == frame) & (links.ahead == 1)
    share = 1 / (1 + np.exp(-example.scores.link[here]))
    order = np.argsort(share)
    ends = np.stack([cells.centroid[links.source[here]], cells.centroid[links.target[here]]], axis=1)[order][..., ::-1]
    strokes = LineCollection(list(ends), cmap=WEIGHT, linewidths=0.7 + 2.3 * share[order])
    strokes.set_array(share[order])
    strokes.set_clim(0, 1)
    axis.add_collection(strokes)
    axis.plot(*cells.centroid[cells.frame == frame].T[::-1], ".", color="white", markersize=3)


def overview(example: Example) -> Any:
    """What goes in, what happens and what comes out."""
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
    show(axes[0], example, SHOWN, "#ffd24a")
    axes[0].set_title("1  images and masks")
    draw_candidates(axes[1], example, SHOWN)
    axes[1].set_title("2  candidate links, weighed")
    axes[2].imshow(Brush(example.lineage, example.movie, zoom=ZOOM).draw(SHOWN))
    axes[2].set(title="3  who is who", xticks=[], yticks=[])
    plot_lineage(example.lineage, axes[3])
    axes[3].set(title="4  whose daughter (circle: look)", ylabel="")
    axes[3].get_legend().remove()
    return figure


def motion(example: Example) -> Any:
    """Two frames on each other, and the expected displacement of each cell."""
    cells = example.graph.cells
    pair = [np.asarray(example.images[SHOWN + i], np.float64) for i in (0, 1)]
    low, high = np.percentile(pair[0], [1, 99.8])
    before, after = (np.clip((image - low) / (high - low), 0, 1) ** 0.8 for image in pair)
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.4), layout="constrained")
    axes[0].imshow(np.stack([before, after, after], axis=2))
    axes[0].set_title(f"frame {SHOWN} (red) and {SHOWN + 1} (cyan)")
    axes[1].imshow(np.stack([before, after, after], axis=2) * 0.6)
    rows = cells.frame == SHOWN
    (y, x), (down, right) = cells.centroid[rows].T, example.flow[rows].T
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1 / 3, "width": 0.006, "headwidth": 4, "minlength": 0.5}
    axes[1].quiver(x, y, right, down, color="#ffd24a", **arrows)
    axes[1].set_title("expected displacement, three times as long")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    return figure


def weighing(example: Example) -> Any:
    """The same links along one axis of space and time: candidates, their odds, and the best lineage."""
    graph, lineage = example.graph, example.lineage
    cells, links = graph.cells, graph.candidates
    first, last = SHOWN - 5, SHOWN + 5
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained", sharey=True)
    inside = (cells.frame[links.source] >= first) & (cells.frame[links.target] <= last)
    share = 1 / (1 + np.exp(-example.scores.link[inside]))

    def lines(source: NDArray[np.int64], target: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        place = np.stack([cells.frame, cells.centroid[:, 1]], axis=1).astype(np.float64)
        return list(np.stack([place[source], place[target]], axis=1))

    strokes = lines(links.source[inside], links.target[inside])
    axes[0].add_collection(LineCollection(strokes, colors="#8899aa", linewidths=0.5))
    weighed = LineCollection(strokes, cmap="plasma_r", linewidths=0.3 + 2 * share, alpha=np.clip(share, 0.12, 1))
    weighed.set_array(share)
    axes[1].add_collection(weighed)
    chosen = (cells.frame[lineage.links.source] >= first) & (cells.frame[lineage.links.target] <= last)
    source, target = lineage.links.source[chosen], lineage.links.target[chosen]
    shades = np.array(PAPER_COLORS)[families(lineage)[target] % len(PAPER_COLORS)].tolist()
    axes[2].add_collection(LineCollection(lines(source, target), colors=shades, linewidths=1.8))
    seen = (cells.frame >= first) & (cells.frame <= last)
    titles = ("candidates", "weighed by the network", "the best lineage as a whole")
    for axis, title in zip(axes, titles, strict=True):
        axis.plot(cells.frame[seen], cells.centroid[seen, 1], "k.", markersize=3)
        axis.set(title=title, xlabel="frame", xlim=(first - 0.3, last + 0.3))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("x in pixels")
    figure.colorbar(weighed, ax=axes[1], shrink=0.7, label="probability")
    return figure


def main() -> None:
    folder = Path(sys.argv[1])
    example = make_example()
    with plt.rc_context(LOOK):
        for draw in (overview, motion, weighing):
            figure = draw(example)
            figure.canvas.draw()
            write_small(
                Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()),
                folder / f"{draw.__name__}.png",
            )
            plt.close(figure)


if __name__ == "__main__":
    main()
