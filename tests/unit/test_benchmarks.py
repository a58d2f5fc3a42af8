"""Every benchmark still fits the package: a script that nobody ran lately would else break unseen."""

import importlib
from pathlib import Path

import pytest

from cell_tracker_gnn.simulation import SimulationSettings
from cell_tracker_gnn.training.examples import prepare_example
from cell_tracker_gnn.training.variants import Variant
from simulated import HELD_OUT
from simulated_movies import CHOSEN, DRAWN, FEW, UNSEEN, drawn_movies, unseen_movies
from train_models import SIMULATED_WEIGHT, weighed
from training_sequences import simulated_sequence

SCRIPTS = sorted(path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_find_what_they_import(name: str) -> None:
    assert importlib.import_module(name).__doc__


def test_the_drawn_movies_are_always_the_same_and_none_is_tested_with() -> None:
    movies = drawn_movies()
    assert movies == drawn_movies()
    assert len(movies) == sum(DRAWN.values()) + sum(FEW.values())
    trained = {movie.seed for movie in [*CHOSEN.values(), *movies.values()]}
    assert len(trained) == len(CHOSEN) + len(movies)
    unseen = unseen_movies()
    assert unseen == unseen_movies()
    assert len(unseen) == sum(UNSEEN.values())
    assert not trained & {movie.seed for movie in [*HELD_OUT.values(), *unseen.values()]}


def test_simulated_movies_are_drawn_less_often() -> None:
    example = prepare_example(simulated_sequence(SimulationSettings(frames=3, cells=6)), Variant(weight=0.7), max_gap=0)
    paths = [Path(name) / "01" for name in ("Fluo-N2DL-HeLa", "nuclei-1", "nuclei-drawn-1")]
    weights = [examples[0].variant.weight for examples in weighed(paths, [[example]] * 3)]
    assert weights == pytest.approx([0.7, 0.7 * SIMULATED_WEIGHT, 0.7 * SIMULATED_WEIGHT])
