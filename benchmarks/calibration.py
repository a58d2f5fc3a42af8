"""Calibrate the leave-one-out models on each other's data sets, and measure how far their probabilities can be trusted.

    python benchmarks/calibration.py DATA --work WORK [--fit] [--diagram docs/figures/reliability.svg]

DATA and WORK are those of ``train_models.py``. Every sequence is tracked by the model that never saw its data set. With
``--fit``, the calibration of each of these models is fitted to the decisions on all *other* data sets and to those of
``general`` on simulated movies that no model has seen, and written into its file, and that of ``general`` and ``early``
to all of them; without it, the calibration in the files is measured.
"""

from __future__ import annotations

import argparse
import colorsys
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from cell_tracker_gnn.evaluation.calibration import calibration_error, caught, chance_error, least_certain, reliability
from cell_tracker_gnn.linking.confidence import Confidence
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.weights import Model, load_model, save_model
from cell_tracker_gnn.training.confidence import Judged, fit_confidence, judge
from cell_tracker_gnn.training.examples import Example, prepare_example
from cell_tracker_gnn.training.fitting import CALIBRATED, calibration_parts
from cell_tracker_gnn.training.prepare import open_sequence, variants_of
from cell_tracker_gnn.training.settings import TrainSettings
from record import store
from simulated_movies import written_unseen

SIMULATED = 0.3
"""How much a simulated movie counts where a real one counts 1 (docs/tried.md)."""

Movies = dict[str, list[Judged]]
"""By name of the sequence, such as ``Fluo-N2DL-HeLa/01``: as it is, sub-sampled and damaged."""


def judge_sequence(found: Sequence[Example], models: Path, settings: TrainSettings) -> list[Judged]:
    """Decisions on a sequence by the model that never saw its data set."""
    return _judged(found, load_model(models / f"{found[0].name.split('/')[0]}.safetensors"), settings)


def _judged(found: Sequence[Example], model: Model, settings: TrainSettings) -> list[Judged]:
    costs = LinkCosts(**model.costs)
    return [
        judge(example, score_graph(model.network, example.graph), costs, max_gap=settings.max_gap, weight=weight)
        for example, weight in calibration_parts(found, settings, share=1.0)
    ]


def judge_simulated(work: Path, settings: TrainSettings, jobs: int = 2) -> list[Judged]:
    """Decisions of the model of all data sets on simulated movies that it has not seen either."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=fork) as pool:
        found = pool.map(
            _judge_unseen, written_unseen(work), repeat(work / "models" / "general.safetensors"), repeat(settings)
        )
        return [judged for variants in found for judged in variants]


def _judge_unseen(path: Path, file: Path, settings: TrainSettings) -> list[Judged]:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    model, sequence = load_model(file), open_sequence(path)
    variants = [
        variant for variant in variants_of(len(sequence.movie), settings) if replace(variant, seed=0) in CALIBRATED
    ]
    found = [prepare_example(sequence, variant, max_gap=settings.max_gap) for variant in variants]
    group = f"simulated {path.parent.name.partition('-')[0]}"
    return [
        replace(judged, group=group, weight=SIMULATED * judged.weight) for judged in _judged(found, model, settings)
    ]


def calibrate(movies: Movies, simulated: Sequence[Judged], models: Path) -> None:
    """Write calibrations into the model files: each from the data sets that are not tested with it, and simulations."""
    everything = [judged for variants in movies.values() for judged in variants]
    names = sorted({judged.group for judged in everything})
    everything += simulated
    for name in [*names, "general", "early"]:
        path = models / f"{name}.safetensors"
        if path.exists():
            confidence = fit_confidence([judged for judged in everything if judged.group != name])
            save_model(replace(load_model(path), confidence=confidence.as_dict()), path)


def measure(movies: Movies, models: Path) -> dict[str, dict[str, object]]:
    """Measures of the links of every sequence as it is, and of its divisions, beginnings and ends."""
    rows = {}
    for name, (judged, *_) in movies.items():
        confidence = Confidence.from_dict(load_model(models / f"{judged.group}.safetensors").confidence)
        probability, right = confidence.probability("link", judged.evidence["link"]), judged.right["link"]
        low = least_certain(probability)
        rows[name] = {
            "links": len(right),
            "wrong": int((~right).sum()),
            "error": calibration_error(probability, right),
            "error_of_least_certain": calibration_error(probability[low], right[low]),
            "error_by_chance": chance_error(probability),
            "error_of_least_certain_by_chance": chance_error(probability[low]),
            "caught": caught(probability, right),
            **{f"{kind}s": _numbers(confidence, kind, judged) for kind in judged.right},
            "reliability": [column.tolist() for column in vars(reliability(probability, right)).values()],
        }
    return rows


def _numbers(confidence: Confidence, kind: str, judged: Judged) -> dict[str, object]:
    probability, right = confidence.probability(kind, judged.evidence[kind]), judged.right[kind]
    expected, low, high = confidence.estimate(kind, probability)
    wrong = int((~right).sum())
    return {
        "count": len(right),
        "wrong": wrong,
        "expected": round(expected, 2),
        "interval": [low, high],
        "inside": low <= wrong <= high,
        "error": calibration_error(probability, right),
    }


def table(rows: dict[str, dict]) -> Table:
    names = ("error (chance)", "within least certain 5 %", "wrong caught in it")
    laid_out = Table("sequence", "links", "wrong", "expected (90 %)", *names, "divisions wrong", "expected (90 %)")
    for column in laid_out.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        share = "-" if row["caught"] is None else f"{row['caught']:.2f}"
        errors = (
            f"{row['error']:.4f} ({row['error_by_chance']:.4f})",
            f"{row['error_of_least_certain']:.3f} ({row['error_of_least_certain_by_chance']:.3f})",
            share,
        )
        link, division = (_interval(row[kind]) for kind in ("links", "divisions"))
        laid_out.add_row(name, str(row["links"]["count"]), *link, *errors, *division)
    return laid_out


def _interval(numbers: dict) -> tuple[str, str]:
    low, high = numbers["interval"]
    return str(
        numbers["wrong"]
    ), f"{numbers['expected']:.0f} ({low} to {high}{'' if numbers['inside'] else ', missed'})"


def diagram(rows: Mapping[str, dict]) -> str:
    """Reliability diagram as SVG: share of right links over stated probability as log-odds, a line per sequence."""
    size, lowest, highest = 420, -3.0, 8.0

    def place(value: float) -> float:
        odds = np.log(max(value, 1e-4) / max(1.0 - value, 3e-4))
        return 50 + (size - 60) * (float(np.clip(odds, lowest, highest)) - lowest) / (highest - lowest)

    marks = (0.1, 0.5, 0.9, 0.99, 0.999)
    grid = [
        f'<path d="M{place(m):.1f} 10V{size - 50}M50 {size - place(m):.1f}H{size - 10}" stroke="#ddd"/>'
        f'<text x="{place(m):.1f}" y="{size - 32}" text-anchor="middle">{m}</text>'
        f'<text x="44" y="{size - place(m) + 4:.1f}" text-anchor="end">{m}</text>'
        for m in marks
    ]
    lines = []
    for index, (name, row) in enumerate(rows.items()):
        points = " ".join(f"{place(s):.1f},{size - place(r):.1f}" for s, r, _ in zip(*row["reliability"], strict=True))
        # Not every viewer of SVG knows colours by hue.
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(index / len(rows), 0.4, 0.7))
        colour = f"#{red:02x}{green:02x}{blue:02x}"
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-opacity="0.7"/>')
        below = size - 60 - 14 * (len(rows) - 1 - index)
        lines.append(f'<text x="{size - 16}" y="{below}" text-anchor="end" fill="{colour}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="11">'
        f'<rect width="{size}" height="{size}" fill="white"/>{"".join(grid)}'
        f'<path d="M50 {size - 50}L{size - 10} 10" stroke="black" stroke-dasharray="4"/>{"".join(lines)}'
        f'<text x="{size / 2}" y="{size - 12}" text-anchor="middle">stated probability of a link</text>'
        f'<text transform="translate(12 {size / 2}) rotate(-90)" text-anchor="middle">share of right links</text>'
        "</svg>\n"
    )


def main() -> None:
    import train_models

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fit", action="store_true", help="write calibrations into the model files first")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "calibration.json")
    parser.add_argument("--diagram", type=Path)
    arguments = parser.parse_args()
    settings, models = TrainSettings.parse(train_models.RECIPE), arguments.work / "models"
    movies = {}
    for name in train_models.REAL:
        found = train_models.prepare(arguments.data / name, arguments.work / "prepared", settings)
        movies[name] = judge_sequence(found, models, settings)
    if arguments.fit:
        calibrate(movies, judge_simulated(arguments.work, settings), models)
    rows = measure(movies, models)
    Console(width=170).print(table(rows))
    arguments.model = [f"{name}={models / name}.safetensors" for name in sorted({m[0].group for m in movies.values()})]
    store(arguments, [], {"sequences": rows})
    if arguments.diagram:
        arguments.diagram.write_text(diagram(rows), "utf-8")


if __name__ == "__main__":
    main()
