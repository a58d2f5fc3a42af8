"""How far a tracker can come that knows the very movie, beside models that never saw it.

    python benchmarks/within_movie.py ../shared/data/Fluo-N2DL-HeLa/01 ... --model 'WORK/models/{data_set}.safetensors'

The trees are grown on the same features as in ``trees.py``, on every other eight frames of the movie, and weigh the
candidates in the other frames; linked are both parts together. Wrong, missed and wrongly called links (move or
division) between consecutive frames are counted without gaps, and in the same way for the bundled model, which learned
from these very frames, and for ours that never saw the data set. What is left by those that know the movie is hardly in
the features, or not in the masks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.graph.build import Graph
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.pipeline import link_cells
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example, prepare_example
from cell_tracker_gnn.training.prepare import open_sequence
from cell_tracker_gnn.training.variants import Variant
from record import store
from trees import ROWS, columns, log_odds

BLOCK = 8
"""Frames that are learned from or tested on together."""

SETTINGS = TrackSettings(max_gap=0)

WHO = ("trees within the movie", "bundled model, which learned from it", "ours, which never saw it")

Counts = dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path)
    parser.add_argument("--model", required=True, help="of ours, with {data_set} for the name of the data set")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "within-movie.json")
    options = parser.parse_args()
    measured, bundled = {}, load_model("general")
    for path in options.sequences:
        example = prepare_example(open_sequence(path), Variant(), max_gap=SETTINGS.span())
        model = load_model(options.model.format(data_set=path.parent.name))
        trees = count(example, scores_of(within(example), example.graph), LinkCosts())
        measured[f"{path.parent.name}/{path.name}"] = {
            "links": int((example.positive & (example.graph.candidates.ahead == 1)).sum()),
            **dict(zip(WHO, (trees, tracked(example, bundled), tracked(example, model)), strict=True)),
        }
    Console(width=160).print(table(measured))
    options.model = [f"={options.model}"]
    store(options, [], {"sequences": measured})


def within(example: Example) -> Floats:
    """Log-odds of every candidate by trees that were grown on the other blocks of frames."""
    graph, rng = example.graph, np.random.default_rng(1)
    block = graph.cells.frame[graph.candidates.target] // BLOCK % 2
    features, odds = columns(graph), np.zeros(len(block))
    for tested in (0, 1):
        seen = np.flatnonzero(block != tested)
        seen = rng.choice(seen, min(len(seen), ROWS), replace=False)
        trees = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, random_state=1, early_stopping=False)
        trees.fit(features[seen], example.positive[seen])
        odds[block == tested] = log_odds(trees, features[block == tested])
    return odds


def tracked(example: Example, model: Model) -> Counts:
    """The errors of a model."""
    return count(example, score_graph(model.network, example.graph), LinkCosts(**model.costs))


def scores_of(odds: Floats, graph: Graph) -> Scores:
    """Log-odds of links alone, for the linking."""
    nothing = np.zeros(len(graph.cells))
    return Scores(odds, nothing, nothing, nothing)


def count(example: Example, scores: Scores, costs: LinkCosts) -> Counts:
    """Wrong, missed and wrongly called links between consecutive frames."""
    graph = example.graph
    source, next_frame = graph.candidates.source, graph.candidates.ahead == 1
    passages, _ = link_cells(graph, scores, costs, SETTINGS)
    chosen, true = passages.chosen & next_frame, example.positive & next_frame

    def divides(links: np.ndarray) -> np.ndarray:
        return np.bincount(source[links], minlength=len(graph.cells))[source] > 1

    called = chosen & true & (divides(chosen) != divides(true))
    return {"wrong": int((chosen & ~true).sum()), "missed": int((true & ~chosen).sum()), "called": int(called.sum())}


def table(measured: dict[str, dict]) -> Table:
    laid_out = Table("wrong, missed, wrongly called", "links", *(word for who in WHO for word in (who, "sum")))
    for name, row in measured.items():
        counts = [row[who] for who in WHO]
        cells = [text for each in counts for text in (", ".join(map(str, each.values())), str(sum(each.values())))]
        laid_out.add_row(name, f"{row['links']:,}", *cells)
    return laid_out


if __name__ == "__main__":
    main()
