"""Our tracker and its peers on the same masks of the same movies, in one table.

    python benchmarks/accuracy.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/PhC-C2DH-U373/01 \
        --peers-python /tmp/peers/bin/python --cache /tmp/bench-cache --model new=models/new.safetensors

The packages of the peers are those of the extra ``bench``; where they contradict each other, give each its own Python
with ``--peers-python NAME=PATH``. ``avoidable`` are edge errors (EA + ED + EC) beyond those of the oracle on the same
masks; they, LNK and TRA are counted without links over missed frames, everything else with them.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import platform
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from movies import crop, find_movie
from scoring import Row, score
from trackers import ORACLES, PEERS, Tracker, ours, peer, trees

PACKAGES = ("cell-tracker-gnn", "numpy", "py-ctcmetrics", "scikit-image", "scipy", "torch")
CUT = ("EA", "ED", "EC", "LNK", "TRA")
WHOLE = ("CHOTA", "BC(1)", "division_precision", "division_recall", "identity_switches")
Results = dict[str, dict[str, Row]]


def main() -> None:
    options = parse()
    trackers = choose_trackers(options)
    results: Results = {}
    for sequence in options.sequences:
        with tempfile.TemporaryDirectory() as scratch:
            movie = find_movie(sequence, options.masks)
            if options.frames:
                movie = crop(movie, options.frames, Path(scratch) / "crop")
            rows = results[movie.name] = {}
            for tracker in trackers:
                print(f"{movie.name}: {tracker.name}", file=sys.stderr, flush=True)
                rows[tracker.name] = score(tracker, movie, Path(scratch), options.cache)
        Console(width=160).print(table(movie.name, rows))
    Console(width=160).print(summary(results))
    store(options, trackers, results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument("--trackers", help=f"comma-separated, of ours, {', '.join(PEERS)}; all when left out")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=PATH", help="a model of ours, repeatable")
    parser.add_argument("--trees", metavar="PATH", help="boosted trees on our features, see train_models.py")
    parser.add_argument("--masks", help="folder of the masks, with {sequence} for the path of the sequence")
    parser.add_argument("--frames", help="A:B, indices from 0 or fractions such as 0.6:")
    parser.add_argument(
        "--peers-python", action="append", default=[], metavar="[NAME=]PATH", help="Python of the peers"
    )
    parser.add_argument("--cache", type=Path, help="folder for the rows of the peers, outside the repository")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "accuracy.json")
    return parser.parse_args()


def choose_trackers(options: argparse.Namespace) -> list[Tracker]:
    """Put the oracle first, as the measure of avoidable errors, then the peers, then ours with each of its models."""
    wanted = options.trackers.split(",") if options.trackers else [*PEERS, "ours"]
    unknown = set(wanted) - {*PEERS, "ours"}
    if unknown:
        raise SystemExit(f"there is no tracker {', '.join(sorted(unknown))}; choose of ours, {', '.join(PEERS)}")
    pythons = {name: path for name, _, path in (entry.rpartition("=") for entry in options.peers_python)}
    default = pythons.get("", sys.executable)
    chosen = [peer(name, pythons.get(name, default)) for name in PEERS if name in wanted or name == "oracle"]
    if options.trees:
        chosen.append(trees(options.trees))
    if "ours" in wanted:
        models = [entry.partition("=") for entry in options.model] or [("", "", "")]
        chosen += [ours(f"ours {name}".strip(), path or None) for name, _, path in models]
    return chosen


def table(title: str, rows: dict[str, Row]) -> Table:
    names = ("tracker", "avoidable", *CUT, *WHOLE, "CPU s")
    laid_out = Table(*(name.replace("_", " ") for name in names), title=title)
    for column in laid_out.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        values = [avoidable(row, rows["oracle"]), *(row.without_gaps.get(key) for key in CUT)]
        values += [row.scores.get(key) for key in WHOLE]
        laid_out.add_row(name, *(shown(value) for value in values), f"{row.cpu_seconds:.0f}")
    laid_out.caption = "\n".join(f"{name}: {row.problem}" for name, row in rows.items() if row.problem)
    return laid_out


def summary(results: Results) -> Table:
    """Avoidable errors of every tracker on every sequence, with their sum."""
    names = list(dict.fromkeys(name for rows in results.values() for name in rows if name not in ORACLES))
    laid_out = Table("avoidable errors", *names)
    for column in laid_out.columns[1:]:
        column.justify = "right"
    sums = {name: [avoidable(rows[name], rows["oracle"]) for rows in results.values()] for name in names}
    for place, sequence in enumerate(results):
        laid_out.add_row(sequence, *(shown(sums[name][place]) for name in names))
    laid_out.add_section()
    laid_out.add_row("sum", *(total(sums[name]) for name in names))
    return laid_out


def total(values: list[float | None]) -> str:
    """Sum, with the number of sequences it is of when some are missing."""
    known = [value for value in values if value is not None]
    return f"{sum(known)}" if len(known) == len(values) else f"{sum(known)} of {len(known)}"


def avoidable(row: Row, oracle: Row) -> float | None:
    errors, floor = row.errors(), oracle.errors()
    return None if errors is None or floor is None else errors - floor


def shown(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def store(options: argparse.Namespace, trackers: list[Tracker], results: Results) -> None:
    """Write everything as JSON, with what is needed to run it again."""
    content = {
        "command": ["python", "benchmarks/accuracy.py", *(_without_place(word) for word in sys.argv[1:])],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "trackers": {tracker.name: tracker.identity for tracker in trackers},
        "models": {_without_place(entry): checksum(entry.partition("=")[2]) for entry in options.model},
        "sequences": {
            sequence: {
                name: {**row.__dict__, "avoidable": avoidable(row, rows["oracle"])} for name, row in rows.items()
            }
            for sequence, rows in results.items()
        },
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    partial = options.output.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    partial.replace(options.output)


def _without_place(word: str) -> str:
    """A word of the command line with only the name of an absolute path, which means nothing elsewhere."""
    name, equals, path = word.rpartition("=")
    return name + equals + Path(path).name if path.startswith("/") else word


def checksum(model: str) -> str | None:
    path = Path(model)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


if __name__ == "__main__":
    main()
