"""Avoidable errors against the number of annotated frames that a general model was fine-tuned on.

    python benchmarks/finetuning.py ../shared/data/DIC-C2DH-HeLa/01 ../shared/data/PhC-C2DL-PSC/01 \
        --start WORK/models/{data_set}.safetensors --work WORK/finetuning

The last 40 % of the frames of each sequence are tracked; the annotated frames are those right before them. ``--start``
is a model that has never seen the data set. The scores are those of ``accuracy.py``.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from movies import crop, find_movie
from peers.common import numbered
from record import store
from scoring import score_all
from tables import Results, avoidable, summary
from trackers import COMMAND, Movie, Tracker, ours, peer

TESTED = 0.6
"""The frames from this share on are tested on."""


def fine_tune(movie: Movie, start: str, frames: int, folder: Path, overrides: list[str]) -> dict[str, object]:
    """Fine-tune on the last frames before the tested ones, unless that was done; what it cost and what was kept."""
    record = folder / "cost.json"
    if not record.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        last = round(TESTED * len(numbered(movie.masks)))
        part = crop(movie, f"{last - frames}:{last}", folder / "annotated")
        line = [str(COMMAND), "train", str(movie.images or movie.masks), "--from", start, "--output", str(folder)]
        line += ["--masks", str(part.masks), "--lineage", str(part.truth / "TRA" / "man_track.txt"), "--device", "cpu"]
        line += ["--images", str(part.images)] if part.images else []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*line, *overrides], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cost = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told = json.loads((folder / "card.json").read_text("utf-8"))["fine_tuning"]
        record.write_text(json.dumps({"cpu_seconds": cost, **told}), "utf-8")
        shutil.rmtree(folder / "annotated")
    found: dict[str, object] = json.loads(record.read_text("utf-8"))
    return found


def main() -> None:
    arguments = parse()
    results: Results = {}
    costs: dict[str, dict[str, dict[str, object]]] = {}
    trackers: list[Tracker] = []
    for sequence in arguments.sequences:
        movie = find_movie(sequence, None)
        start = str(Path(arguments.start.format(data_set=movie.data_set)).absolute())
        models = {0: start}
        for frames in filter(None, arguments.frames):
            folder = (arguments.work / f"{movie.name}-{frames}").absolute()
            costs.setdefault(movie.name, {})[str(frames)] = fine_tune(movie, start, frames, folder, arguments.set)
            models[frames] = str(folder / "model.safetensors")
        trackers = [peer("oracle", sys.executable), *(ours(f"{n} frames", path) for n, path in models.items())]
        with tempfile.TemporaryDirectory() as scratch:
            tested = crop(movie, f"{TESTED}:", Path(scratch) / "crop")
            results[movie.name] = score_all(trackers, tested, Path(scratch), arguments.cache)
    Console(width=160).print(summary(results))
    sequences = {
        sequence: {name: {**row.__dict__, "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()}
        for sequence, rows in results.items()
    }
    store(arguments, trackers, {"sequences": sequences, "fine_tuning": costs})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/DIC-C2DH-HeLa/01")
    parser.add_argument("--start", required=True, help="the model to begin with; {data_set} is filled in")
    parser.add_argument("--frames", type=int, nargs="*", default=[0, 2, 5, 10, 20])
    parser.add_argument("--work", type=Path, required=True, help="folder of the models")
    parser.add_argument("--cache", type=Path, help="folder for the rows of the oracle, outside the repository")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of the fine-tuning")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "finetuning.json")
    arguments = parser.parse_args()
    arguments.model = []
    return arguments


if __name__ == "__main__":
    main()
