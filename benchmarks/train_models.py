"""Train the bundled model and its leave-one-out twins: the same recipe without some data sets.

    python benchmarks/train_models.py DATA --work WORK [--folds a b c general] [key=value ...]

DATA holds the annotated data sets, WORK gets the simulated sequences and one folder per model. Beside them
``WORK/models/<data set>.safetensors`` is, for each data set, the model that never saw it, for
``benchmarks/accuracy.py --model '=WORK/models/{data_set}.safetensors'``, and ``<data set>.joblib`` the boosted trees
that saw the same, for ``--trees 'WORK/models/{data_set}.joblib'``. ``early.safetensors`` saw the first 60 % of the
frames of every sequence, for ``--frames 0.6:``. The probabilities of each model are calibrated on the left-out data
sets of the others and on further simulated movies, once all are there (``calibration.py --fit`` does the same again).

With ``embedding=yes`` (and ``encoder=resnet18``, say) each fold also trains an encoder, on the sequences that it sees;
what was measured in the masks is kept in ``WORK/features`` and shared by the folds.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import os
import pickle
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import cv2
import torch

import cell_tracker_gnn
from calibration import calibrate, judge_sequence, judge_simulated
from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.training.encoder import train_sequence_encoder
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.fitting import fit_model
from cell_tracker_gnn.training.prepare import open_sequence, prepare_sequence, sequence_features, variants_of
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.store import FeatureStore
from simulated_movies import written_movies
from trees import grow

REAL = (
    "Fluo-N2DL-HeLa/01",
    "PhC-C2DL-PSC/01",
    "Fluo-N2DH-SIM+/01",
    "DIC-C2DH-HeLa/01",
    "PhC-C2DH-U373/01",
    "Fluo-N2DH-GOWT1/01",
    "Fluo-C2DL-Huh7/01",
    "Fluo-N3DH-CE/01",
    "PhC-iPS-colonies/01",
    "PhC-iPS-colonies/02",
    "Mouse-epidermis/01",
)
"""Annotated sequences with masks. Tables of points make the model less sure of divisions (docs/tried.md)."""

FOLDS = {
    "a": ("Fluo-N2DL-HeLa", "PhC-iPS-colonies", "Fluo-N2DH-GOWT1"),
    "b": ("PhC-C2DL-PSC", "PhC-C2DH-U373", "Fluo-C2DL-Huh7"),
    "c": ("Fluo-N2DH-SIM+", "Mouse-epidermis", "DIC-C2DH-HeLa", "Fluo-N3DH-CE"),
    "general": (),
    "early": (),
}
"""Data sets that each model does not see. Leaving out three or four at once is harder than leaving out one."""

SIMULATED_WEIGHT = 0.17
"""How often windows of a simulated movie are drawn, relative to those of a real one of its size: in all less than twice
as often as real ones."""

RECIPE = ("epochs=60", "batches=35", "patience=60", "validation=0.1", "embedding=no")
"""Three times as long as at first; twice as long again gains nothing (docs/tried.md)."""


def prepare(data: Path, folder: Path, settings: TrainSettings) -> list[Example]:
    """Labelled graphs of a sequence, kept in ``folder`` under a name that changes with the code and the settings."""
    cv2.setNumThreads(1)
    if settings.embedding:
        # The graphs need the embeddings, and each fold has its own encoder.
        sequence_features(open_sequence(data), settings, store=FeatureStore(folder.parent / "features"))
        return []
    kept = folder / f"{data.parent.name}-{data.name}-{_fingerprint(data, settings)}.pickle"
    if not kept.exists():
        examples = prepare_sequence(open_sequence(data), settings)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps(examples, protocol=5))
        partial.replace(kept)
    # Only files that this script wrote into its own folder are read.
    return list(pickle.loads(kept.read_bytes()))  # noqa: S301


def _fingerprint(data: Path, settings: TrainSettings) -> str:
    package = Path(cell_tracker_gnn.__file__).parent
    parts = (
        "data",
        "features",
        "graph",
        "io",
        "simulation/damage.py",
        "simulation/faults.py",
        "training/examples.py",
        "training/variants.py",
        "training/discs.py",
        "training/segmenter.py",
    )
    files = sorted(
        f for part in parts for f in ([package / part] if part.endswith(".py") else (package / part).glob("*.py"))
    )
    used = (settings.max_gap, settings.subsample, settings.faults, settings.seed, settings.preset)
    # A simulated movie lies in a folder that is named by the code that made it.
    made_by = data.parent.parent.name if (data.parent / "simulation.json").exists() else ""
    return hashlib.sha256(b"".join(f.read_bytes() for f in files) + repr((used, made_by)).encode()).hexdigest()[:12]


def fit(fold: str, work: Path, settings: TrainSettings) -> None:
    """Fit one model to the sequences it may see; they are inherited from the parent process."""
    torch.set_num_threads(1)
    left_out = FOLDS[fold]
    paths = [path for path in PREPARED if path.parent.name not in left_out]
    encoder, scores, seen = None, {}, [PREPARED[path] for path in paths]
    if settings.embedding:
        encoder, scores, seen = embedded(
            paths, work, replace(settings, validation=0.4) if fold == "early" else settings
        )
    if fold == "early":
        seen = [[example.part(0.0, 0.6) for example in examples] for examples in seen]
    fit_model(weighed(paths, seen), work / fold, settings, encoder=encoder, scores=scores)
    with_trees = left_out and not settings.embedding
    if with_trees:
        grow([example for examples in seen for example in undamaged(examples, settings)], work / fold / "trees.joblib")
    for data_set in left_out or (fold,):
        shutil.copyfile(work / fold / "model.safetensors", work / "models" / f"{data_set}.safetensors")
        if with_trees:
            shutil.copyfile(work / fold / "trees.joblib", work / "models" / f"{data_set}.joblib")


def weighed(paths: list[Path], found: list[list[Example]]) -> list[list[Example]]:
    """The examples of some sequences, those of the simulated ones with their weight."""
    real = {name.split("/")[0] for name in REAL}
    return [
        examples if path.parent.name in real else [reweighed(example, SIMULATED_WEIGHT) for example in examples]
        for path, examples in zip(paths, found, strict=True)
    ]


def reweighed(example: Example, factor: float) -> Example:
    """The example, drawn more or less often."""
    return replace(example, variant=replace(example.variant, weight=factor * example.variant.weight))


def embedded(
    paths: list[Path], work: Path, settings: TrainSettings
) -> tuple[Encoder | None, dict[str, float], list[list[Example]]]:
    """An encoder trained on some sequences, its scores, and their graphs with its embeddings."""
    sequences = [open_sequence(path) for path in paths]
    encoder, scores = train_sequence_encoder(sequences, settings, torch.device("cpu"), lambda stage, done, total: None)
    store = FeatureStore(work / "features")
    return encoder, scores, [prepare_sequence(sequence, settings, encoder, store=store) for sequence in sequences]


def undamaged(examples: list[Example], settings: TrainSettings) -> list[Example]:
    """The examples with masks as they are, which come first: on damaged ones trees lose more than they gain."""
    frames = len(examples[0].graph.cells.numbers)
    return examples[: len(variants_of(frames, replace(settings, faults=False)))]


PREPARED: dict[Path, list[Example]] = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folds", nargs="*", default=list(FOLDS), help=f"some of {', '.join(FOLDS)}")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    arguments = parser.parse_intermixed_args()
    # Settings that follow the folds are taken for folds by argparse.
    folds = [word for word in arguments.folds if "=" not in word]
    overrides = [*arguments.overrides, *(word for word in arguments.folds if "=" in word)]
    if unknown := set(folds) - set(FOLDS):
        parser.error(f"there is no fold {', '.join(sorted(unknown))}; choose of {', '.join(FOLDS)}")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    settings = TrainSettings.parse([*RECIPE, *overrides])
    for name in ("models", "prepared"):
        (arguments.work / name).mkdir(parents=True, exist_ok=True)
    paths = [*(arguments.data / name for name in REAL), *written_movies(arguments.work)]
    fork = multiprocessing.get_context("fork")
    # Models of other seeds learn from the same movies, so that their graphs are prepared once.
    drawn = replace(settings, seed=TrainSettings().seed)
    with ProcessPoolExecutor(arguments.jobs, mp_context=fork) as pool:
        PREPARED.update(
            zip(paths, pool.map(prepare, paths, repeat(arguments.work / "prepared"), repeat(drawn)), strict=True)
        )
    with ProcessPoolExecutor(arguments.jobs, mp_context=fork) as pool:
        list(pool.map(fit, folds, repeat(arguments.work), repeat(settings)))
    models = arguments.work / "models"
    left_out = {name for names in FOLDS.values() for name in names}
    if all((models / f"{name}.safetensors").exists() for name in [*left_out, "general"]):
        found = {name: judge_sequence(PREPARED[arguments.data / name], models, settings) for name in REAL}
        calibrate(found, judge_simulated(arguments.work, settings, arguments.jobs), models)


if __name__ == "__main__":
    main()
