"""How far features of a pair of frames can lead: trees that know the very movie, beside models that never saw it.

    python benchmarks/within_movie.py ../shared/data/Fluo-N2DL-HeLa/01 ... --model 'WORK/models/{data_set}.safetensors'

The trees are grown on the same features as in ``trees.py``, on every other eight frames of the movie, and weigh the
candidates in the other frames; linked are both parts together. Wrong, missed and wrongly called links (move or
division) between consecutive frames are counted for them and for ours, without gaps, in the same way. What trees
leave that have seen the same cells a few frames before and after is hardly in the features, or not in the masks.
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
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import Scores, score_graph
from cell_tracker_gnn.model.weights import load_model
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

Counts = dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path)
    parser.add_argument("--model", required=True, help="of ours, with {data_set} for the name of the data set")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "within-movie.json")
    options = parser.parse_args()
    measured = {}
    for path in options.sequences:
        example = prepare_example(open_sequence(path), Variant(), max_gap=SETTINGS.span())
        model = load_model(options.model.format(data_set=path.parent.name))
        measured[f"{path.parent.name}/{path.name}"] = {
            "links": int((example.positive & (example.graph.candidates.ahead == 1)).sum()),
            "trees within the movie": count(example, scores_of(within(example), example.graph), LinkCosts()),
            "ours": count(example, score_graph(model.network, example.graph), LinkCosts(**model.costs)),
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
    laid_out = Table("sequence", "links", "trees: wrong, missed, wrongly called", "sum", "ours", "sum")
    for name, row in measured.items():
        both = (row[who] for who in ("trees within the movie", "ours"))
        cells = [text for counts in both for text in (", ".join(map(str, counts.values())), str(sum(counts.values())))]
        laid_out.add_row(name, f"{row['links']:,}", *cells)
    return laid_out


if __name__ == "__main__":
    main()
