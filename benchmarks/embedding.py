"""What the embedding costs, and how well it finds cells that it has never seen.

    python benchmarks/embedding.py cost SEQUENCES [--json FILE]
    python benchmarks/embedding.py retrieval SEQUENCES [--encoders pixels compact resnet18] [--json FILE]

SEQUENCES are annotated ones with images such as ``Fluo-N2DL-HeLa/01``. Both print a table.

``cost`` measures CPU time per cell on real frames: cutting of crops and embedding as ``track`` does them, and the
encoder alone over batch sizes, types of numbers, memory layouts and threads.

``retrieval`` keeps a fifth of the identities of each sequence away from training and early stopping, and looks for them
among all cells of the next three frames. ``pixels`` is the crop itself as embedding. A ResNet sees fewer crops than the
compact encoder, so that every training takes a few minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig, embed
from cell_tracker_gnn.embedding.identities import LabelledCrops
from cell_tracker_gnn.embedding.metric import EncoderSettings, train_encoder
from cell_tracker_gnn.embedding.retrieval import SCORES, retrieval_scores
from cell_tracker_gnn.features.cutting import CropCutter
from cell_tracker_gnn.features.regions import MaskPixels, frame_levels, measure_frame
from cell_tracker_gnn.training.encoder import LEARNING_RATES, SIZES, sequence_crops
from cell_tracker_gnn.training.prepare import open_sequence
from cell_tracker_gnn.training.variants import TrainingSequence

TEST_SHARE = 0.2

BUDGETS = {"compact": {"epochs": 25, "crops": 4_000}, "resnet": {"epochs": 3, "crops": 1_300}}
"""Training of each family of encoders; a few minutes of one core."""

MOST_CROPS = 2_500
FRAMES = 6


def cpu_ms(work: Callable[[], object], count: int, repeats: int = 2) -> float:
    """Smallest CPU time of the process per item in ms, of a few runs after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return 1e3 * min(times) / max(count, 1)


def cost_on_frames(sequence: TrainingSequence) -> dict[str, object]:
    """CPU time per cell of cutting and embedding the last frames, crops of several frames embedded together."""
    movie = sequence.movie
    rank = movie.rank
    encoder = Encoder(EncoderConfig(rank, SIZES["compact", rank])).eval()
    cutter = CropCutter.of(movie, mode="masked", size=encoder.config.size)
    frames = []
    for index in range(max(0, len(movie) - FRAMES), len(movie)):
        mask = np.asarray(movie.masks[index])
        image = np.asarray(movie.images[index])
        cells = measure_frame(MaskPixels.of(mask), None, movie.scale)
        # The levels of the frame are measured for the intensities in any case.
        frames.append((image, mask, cells.label, cells.box, frame_levels(image)))
    cut = [cutter.cut(*frame) for frame in frames]
    crops, count = np.concatenate(cut), sum(map(len, cut))
    cutting = cpu_ms(lambda: [cutter.cut(*frame) for frame in frames], count)
    embedding = cpu_ms(lambda: embed(encoder, crops), count)
    return {
        "sequence": sequence.name,
        "cells per frame": round(count / len(frames), 1),
        "crops, ms": cutting,
        "embedding, ms": embedding,
        "together, ms": cutting + embedding,
    }


def cost_of_encoder(kind: str, size: int, runs: Sequence[tuple[int, int]]) -> list[dict[str, object]]:
    """CPU time per crop for pairs of batch size and threads, in two types of numbers and two memory layouts."""
    rows = []
    for batch, threads in runs:
        torch.set_num_threads(threads)
        row: dict[str, object] = {"encoder": kind, "batch": batch, "threads": threads}
        for layout, name in ((torch.contiguous_format, "channels first"), (torch.channels_last, "channels last")):
            for number in (torch.float32, torch.bfloat16):
                row[f"{str(number).removeprefix('torch.')}, {name}"] = _forward_cost(kind, size, batch, number, layout)
        rows.append(row)
    torch.set_num_threads(1)
    return rows


def _forward_cost(kind: str, size: int, batch: int, number: torch.dtype, layout: torch.memory_format) -> float:
    encoder = Encoder(EncoderConfig(2, size, kind=kind)).eval().to(memory_format=layout)
    crops = torch.rand(batch, 1, size, size).contiguous(memory_format=layout)
    rounds = max(1, (512 if kind == "compact" else 16) // batch)

    def run() -> None:
        with torch.inference_mode(), torch.autocast("cpu", dtype=number, enabled=number != torch.float32):
            for _ in range(rounds):
                encoder(crops)

    return cpu_ms(run, rounds * batch)


def retrieval(sequence: TrainingSequence, kind: str, seed: int) -> dict[str, object]:
    """Scores on a fifth of the identities, which neither training nor early stopping has seen."""
    family = kind.rstrip("0123456789")
    size = SIZES["compact" if kind == "pixels" else family, sequence.movie.rank]
    movie = sequence_crops(sequence, mode="masked", size=size, most=MOST_CROPS)
    identities = np.random.default_rng(seed).permutation(movie.seen_again())
    unseen = identities[: max(1, round(TEST_SHARE * len(identities)))]
    begin = time.process_time()
    rows = _pixels(movie) if kind == "pixels" else _trained(movie, unseen, kind, seed)
    spent = time.process_time() - begin
    scores = retrieval_scores(movie, rows, unseen)
    return {
        "sequence": sequence.name,
        "encoder": kind,
        "crops": len(movie),
        "identities": len(identities),
        "unseen": len(unseen),
        "searches": int(scores["queries"]),
        **{name: scores[name] for name in SCORES},
        "CPU s": round(spent),
    }


def _pixels(movie: LabelledCrops) -> NDArray[np.float32]:
    flat = movie.crops.reshape(len(movie), -1).astype(np.float32)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _trained(movie: LabelledCrops, unseen: NDArray[np.int64], kind: str, seed: int) -> NDArray[np.float32]:
    family = kind.rstrip("0123456789")
    hidden = np.where(np.isin(movie.identity, unseen), -1, movie.identity)
    settings = EncoderSettings(kind=kind, learning_rate=LEARNING_RATES[family], seed=seed, **BUDGETS[family])
    encoder, _ = train_encoder([replace(movie, identity=hidden)], settings)
    return embed(encoder, movie.crops)


def print_table(rows: Sequence[dict[str, object]]) -> None:
    print(f"\n| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
    for row in rows:
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "retrieval"))
    parser.add_argument("sequences", nargs="+", type=Path)
    parser.add_argument("--encoders", nargs="*", default=["pixels", "compact"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sequences = [open_sequence(path) for path in arguments.sequences]
    if arguments.what == "cost":
        tables = {
            "frames": [cost_on_frames(sequence) for sequence in sequences],
            "compact": cost_of_encoder("compact", SIZES["compact", 2], [(1, 1), (16, 1), (256, 1), (512, 1), (256, 2)]),
            "resnet18": cost_of_encoder("resnet18", SIZES["resnet", 2], [(1, 1), (16, 1)]),
        }
    else:
        tables = {"retrieval": []}
        for sequence in sequences:
            for kind in arguments.encoders:
                tables["retrieval"].append(retrieval(sequence, kind, arguments.seed))
                print(tables["retrieval"][-1], file=sys.stderr, flush=True)
    for rows in tables.values():
        print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
