"""Run a tracker on a movie and score it, with its gap links and without; peers are run once and kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cell_tracker_gnn.evaluation
from cell_tracker_gnn.errors import CellTrackerError
from cell_tracker_gnn.evaluation import evaluate
from peers.common import numbered
from trackers import Movie, Run, Tracker, run

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Row:
    """Scores of the result as it is and of consecutive frames only, empty after a failure."""

    scores: Scores
    without_gaps: Scores
    cpu_seconds: float
    problem: str

    def errors(self) -> float | None:
        """Edge errors in consecutive frames: right gap links count as errors in the challenge, so they stay out."""
        counts = [self.without_gaps.get(name) for name in ("EA", "ED", "EC")]
        return None if None in counts else sum(count for count in counts if count is not None)


def score_all(trackers: Sequence[Tracker], movie: Movie, scratch: Path, cache: Path | None) -> dict[str, Row]:
    """Score every tracker on a movie, by name."""
    rows = {}
    for tracker in trackers:
        print(f"{movie.name}: {tracker.name}", file=sys.stderr, flush=True)
        rows[tracker.name] = score(tracker, movie, scratch, cache)
    return rows


def score(tracker: Tracker, movie: Movie, scratch: Path, cache: Path | None) -> Row:
    """Score a tracker on a movie; the results of all but our own tracker are kept in the cache."""
    if tracker.identity is None or cache is None:
        folder = Path(tempfile.mkdtemp(dir=scratch))
    else:
        folder = cache / movie.name / f"{tracker.identity}-{_fingerprint(movie)}"
    kept = folder / f"row-{_evaluation_code()}.json"
    if kept.is_file():
        return Row(**json.loads(kept.read_text("utf-8")))
    ended = _track(tracker, movie, folder)
    row = Row({}, {}, **ended.__dict__) if ended.problem else _evaluate(movie, folder, ended)
    kept.write_text(json.dumps(row.__dict__), "utf-8")
    return row


def _track(tracker: Tracker, movie: Movie, folder: Path) -> Run:
    """Write ``result`` and, where the tracker can, ``without-gaps`` into the folder, unless an earlier run did."""
    record = folder / "run.json"
    if record.is_file():
        return Run(**json.loads(record.read_text("utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ended = run(tracker.command(movie, folder / "result", True))
    if not ended.problem and not tracker.cuts_gaps:
        ended = Run(ended.cpu_seconds, run(tracker.command(movie, folder / "without-gaps", False)).problem)
    record.write_text(json.dumps(ended.__dict__), "utf-8")
    return ended


def _evaluate(movie: Movie, folder: Path, ended: Run) -> Row:
    result, without = folder / "result", folder / "without-gaps"
    try:
        scores = evaluate(result, movie.truth)
        if without.is_dir() or _cut_gaps(result, without):
            return Row(scores, evaluate(without, movie.truth), ended.cpu_seconds, "")
    except CellTrackerError as error:
        return Row({}, {}, ended.cpu_seconds, str(error))
    return Row(scores, scores, ended.cpu_seconds, "")


def _cut_gaps(result: Path, out: Path) -> bool:
    """Copy a result without the links that pass over a frame; False when it has none."""
    table = [[int(word) for word in line.split()] for line in (result / "res_track.txt").read_text().splitlines()]
    place = {number: index for index, number in enumerate(numbered(result))}
    end = {label: place[last] for label, _, last, _ in table}
    cut = [[*row[:3], 0] if row[3] and place[row[1]] - end[row[3]] > 1 else row for row in table]
    if cut == table:
        return False
    out.mkdir()
    for mask in result.glob("mask*.tif"):
        (out / mask.name).symlink_to(mask)
    (out / "res_track.txt").write_text("".join(f"{' '.join(map(str, row))}\n" for row in cut), "utf-8")
    return True


def _fingerprint(movie: Movie) -> str:
    """Name and size of every file that goes in."""
    folders = [movie.masks, *([movie.images] if movie.images else []), movie.truth / "TRA", movie.truth / "SEG"]
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return hashlib.sha256(" ".join(f"{path.name}:{path.stat().st_size}" for path in files).encode()).hexdigest()[:12]


def _evaluation_code() -> str:
    folder = Path(cell_tracker_gnn.evaluation.__file__).parent
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()[:12]
