"""How much a person gains who corrects the links that the tracker doubts most, and then tracks again.

    python benchmarks/proofreading.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/PhC-C2DL-PSC/01 \
        --model '={data_set}.safetensors'

A simulated person looks at k links of a first result, in one of four orders, and corrects them by the truth: a right
link is confirmed; a wrong one is cut, and the true links into its later and out of its earlier cell are added. Then the
movie is tracked again with these corrections fixed. *decisions* follows ``uncertain.csv`` line by line, so also
divisions, beginnings and ends. Avoidable errors are EA + ED + EC beyond those of the oracle, without gap links, as in
``accuracy.py``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ctc_metrics.utils.representations import count_acyclic_graph_correction_operations

import peers.oracle
from cell_tracker_gnn.data import Lineage
from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.evaluation.matching import FrameMatch, match_frame
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import Graph, build_graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.io import open_movie, read_lineage_table
from cell_tracker_gnn.io.edits import Edit
from cell_tracker_gnn.io.result import uncertain_columns
from cell_tracker_gnn.linking.confidence import Confidence
from cell_tracker_gnn.linking.corrections import resolve_edits
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.evidence import gather_decisions
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.linking.summary import rate_lineage
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.pipeline import link_cells
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.stages.embedding import embedder
from figures import FIGURES, draw_if_possible
from movies import find_movie
from peers.common import Cell, Link, read_sequence
from record import store
from trackers import Movie

AMOUNTS = (0, 10, 25, 50, 100, 200, 400, 800)
MARKS = (0, 100, 200, 400, 800)
SETTINGS = TrackSettings(max_gap=0)
Place = tuple[Cell | None, Cell | None]
"""A decision to look at: the earlier and the later cell; an end has no later one, a beginning no earlier one."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A movie up to the linking, which alone depends on the corrections."""

    graph: Graph
    scores: Scores
    model: Model

    @classmethod
    def of(cls, movie: Movie, model: Model) -> Measured:
        """Do all that comes before the linking."""
        opened = open_movie(movie.masks, movie.images)
        embed = embedder(model.encoder, opened, choose_device("cpu"))
        span = SETTINGS.span(model.max_gap)
        cells, movement = extract_features(opened, max_gap=span, embed=embed)
        graph = build_graph(cells, movement, max_gap=span, describe=model.network.describe)
        return cls(graph, score_graph(model.network, graph), model)

    def track(self, edits: Sequence[Edit], *, rated: bool = False) -> Lineage:
        """What ``track --max-gap 0 --fixed EDITS`` does with these features; probabilities only where asked for."""
        corrections = resolve_edits(edits, self.graph.cells)
        graph, scores = corrections.add_candidates(self.graph, self.scores)
        costs = LinkCosts(**self.model.costs)
        passages, rewards = link_cells(graph, scores, costs, SETTINGS, corrections=corrections)
        if not rated:
            candidates = graph.candidates
            certain = np.ones(len(candidates))
            return build_lineage(graph.cells, candidates.source, candidates.target, certain, passages.chosen)
        decisions = gather_decisions(graph, scores, rewards, passages.chosen)
        return rate_lineage(graph, scores.link, passages, decisions, Confidence.from_dict(self.model.confidence))

    def take(self, edits: Sequence[Edit]) -> Lineage:
        """The lineage of these links and no other."""
        rows = resolve_edits(edits, self.graph.cells).fixed
        return build_lineage(self.graph.cells, rows[:, 0], rows[:, 1], np.ones(len(rows)), np.ones(len(rows), bool))


@dataclass(frozen=True, eq=False)
class Truth:
    """Markers of the truth and which mask shows them, by label of the masks; computed once for all results."""

    table: np.ndarray
    matches: Sequence[FrameMatch]
    links: frozenset[Link]

    @classmethod
    def of(cls, movie: Movie) -> Truth:
        """Read the truth and match it with the masks."""
        folder = movie.truth / "TRA"
        masks, markers = (open_movie(place, scale=(1.0, 1.0, 1.0)).masks for place in (movie.masks, folder))
        index = {number: place for place, number in enumerate(markers.numbers)}
        found = read_lineage_table(folder / "man_track.txt")
        spans = ([index[n] for n in column.tolist()] for column in (found.begin, found.end))
        table = np.column_stack([found.label, *spans, found.parent])
        matches = [match_frame(markers[i], masks[i]) for i in range(len(markers))]
        links = peers.oracle.link(read_sequence(movie.masks, movie.images, folder))
        return cls(table, matches, frozenset(links))

    def errors(self, lineage: Lineage) -> int:
        """EA + ED + EC of a lineage of the same masks."""
        cells, tracks = lineage.cells, lineage.tracks
        named: list[dict[int, int]] = [{} for _ in self.matches]
        for frame, label, track in zip(cells.frame.tolist(), cells.label.tolist(), lineage.track.tolist(), strict=True):
            named[frame][label] = track
        rows = np.column_stack([tracks.track, tracks.begin, tracks.end, tracks.parent])
        found = count_acyclic_graph_correction_operations(
            self.table,
            rows,
            [match.truth_labels.tolist() for match in self.matches],
            # The count relies on labels in increasing order.
            [
                sorted(of[label] for label in m.result_labels.tolist())
                for of, m in zip(named, self.matches, strict=True)
            ],
            [match.truth.tolist() for match in self.matches],
            [[of[label] for label in m.result.tolist()] for of, m in zip(named, self.matches, strict=True)],
        )
        return int(sum(found[name] for name in ("EA", "ED", "EC")))

    def correct(self, places: Iterable[Place], numbers: Sequence[int]) -> list[Edit]:
        """Corrections of some decisions, every link once."""
        into = {target: source for source, target in self.links}
        out: dict[Cell, list[Cell]] = defaultdict(list)
        for source, target in sorted(self.links):
            out[source].append(target)
        edits: dict[Link, str] = {}
        for source, target in places:
            if source and target and (source, target) in self.links:
                edits[source, target] = "confirm"
                continue
            if source and target:
                edits[source, target] = "cut"
            if target in into:
                edits[into[target], target] = "add"
            edits.update({(source, child): "add" for child in out.get(source, ())})
        return [Edit(op, numbers[a[0]], a[1], numbers[b[0]], b[1]) for (a, b), op in edits.items()]


def uncertain_places(lineage: Lineage, *, links_only: bool) -> list[Place]:
    """Decisions of a result, most doubtful first, all links after those of ``uncertain.csv``."""
    if links_only:
        order = np.lexsort((lineage.links.margin, lineage.links.probability))
        places = _places(lineage)
        return [places[row] for row in order.tolist()]
    columns = uncertain_columns(lineage)
    index = {number: place for place, number in enumerate(lineage.cells.numbers)}
    ends = [
        [None if label is None else (index[frame], label) for frame, label in zip(*pair, strict=True)]
        for pair in (
            [np.ma.asarray(columns[f"{what}_{end}"]).tolist() for what in ("frame", "label")] for end in ("from", "to")
        )
    ]
    return list(zip(*ends, strict=True))


def _places(lineage: Lineage) -> list[Place]:
    cells, links = lineage.cells, lineage.links
    ends = (
        list(zip(cells.frame[rows].tolist(), cells.label[rows].tolist(), strict=True))
        for rows in (links.source, links.target)
    )
    return list(zip(*ends, strict=True))


def curves(movie: Movie, model: Model, seeds: int) -> dict[str, list[list[float]]]:
    """Avoidable errors by order of looking, for each amount."""
    measured, truth = Measured.of(movie, model), Truth.of(movie)
    first = measured.track([], rated=True)
    numbers = first.cells.numbers
    every = [Edit("add", numbers[a[0]], a[1], numbers[b[0]], b[1]) for a, b in sorted(truth.links)]
    oracle = truth.errors(measured.take(every))
    links = _places(first)
    shuffled = [np.random.default_rng(seed).permutation(len(links)) for seed in range(seeds)]
    orders: dict[str, list[list[Place]]] = {
        "all uncertain decisions": [uncertain_places(first, links_only=False)],
        "ours: uncertain links": [uncertain_places(first, links_only=True)],
        "movie order": [sorted(links, key=lambda link: link[1] or (0, 0))],
        "random": [[links[row] for row in order.tolist()] for order in shuffled],
    }

    def left(places: list[Place], amount: int) -> int:
        return truth.errors(measured.track(truth.correct(places[:amount], numbers))) - oracle

    found: dict[str, list[list[float]]] = {}
    for name, lists in orders.items():
        found[name] = [
            [k, float(np.mean([left(places, k) for places in (lists if k else lists[:1])]))] for k in AMOUNTS
        ]
        print(movie.name, name, found[name], flush=True)
    return found


def shares(panels: dict[str, dict[str, list[list[float]]]]) -> dict[str, dict[str, list[list[float]]]]:
    """Errors left as per cent of those without any correction, so that movies of all sizes can be compared."""
    return {
        movie: {name: [[k, 100 * left / points[0][1]] for k, left in points] for name, points in found.items()}
        for movie, found in panels.items()
    }


def main() -> None:
    options = parse()
    panels = {}
    for sequence in options.sequences:
        movie = find_movie(sequence, None)
        path = Path(options.model[0].partition("=")[2].format(data_set=movie.data_set, sequence=movie.name))
        panels[movie.name] = curves(movie, load_model(path), options.seeds)
    axes = {"x": "corrected links", "y": "avoidable errors left, %", "marks": MARKS}
    figure = {**axes, "curves": shares(panels)}
    settings = {"max_gap": 0, "random_orders": options.seeds}
    store(options, [], {"settings": settings, "avoidable": panels, "figure": figure})
    draw_if_possible(figure, FIGURES / "proofreading.svg")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument(
        "--model", action="append", required=True, metavar="=PATH", help="with {data_set} or {sequence}"
    )
    parser.add_argument("--seeds", type=int, default=5, help="random orders")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "proofreading.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
