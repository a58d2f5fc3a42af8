"""The trackers of the table: a name, and how to run it on masks and images in a process of its own."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("cell-tracker-gnn")
CPU_SECONDS = 600
WALL_SECONDS = 2400


@dataclass(frozen=True)
class Movie:
    """One sequence as every tracker gets it; ``data_set`` and ``name`` fill the placeholders of a model path."""

    data_set: str
    name: str
    masks: Path
    images: Path | None
    truth: Path


@dataclass(frozen=True)
class Tracker:
    """One row of the table.

    ``command`` gives the command line for a movie, a folder to write and whether gap links are wanted. ``identity`` is
    None for our own tracker, which changes; else the scores are kept in the cache under it. Ours runs once with and
    once without gap links; the links over missed frames of all others are cut from their result (``cuts_gaps``).
    """

    name: str
    command: Callable[[Movie, Path, bool], list[str]]
    identity: str | None = None
    cuts_gaps: bool = True


@dataclass(frozen=True)
class Run:
    """How a run ended: ``problem`` is empty when all went well."""

    cpu_seconds: float
    problem: str


PEERS: dict[str, str] = {
    "oracle": "",
    "oracle-gaps": "",
    "overlap": "",
    "nearest": "",
    "laptrack": "laptrack",
    "btrack": "btrack",
    "byotrack-kalman": "byotrack",
    "byotrack-koft": "byotrack",
}
"""Peers by name, with the distribution whose version they depend on; the code is in ``peers/NAME.py``."""

ORACLES = ("oracle", "oracle-gaps")


def peer(name: str, python: str) -> Tracker:
    """Run ``peers/NAME.py`` with a Python that has its packages; the oracles need our own package."""
    module = name.replace("-", "_")
    interpreter = sys.executable if name in ORACLES else python

    def command(movie: Movie, out: Path, gaps: bool) -> list[str]:
        del gaps
        truth = [str(movie.truth / "TRA")] if name in ORACLES else []
        return [interpreter, "-m", f"peers.{module}", str(movie.masks), str(movie.images or "-"), str(out), *truth]

    sources = sorted({HERE / "peers" / f"{module}.py", HERE / "peers" / "common.py", *_helpers(module)})
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    package = f"{PEERS[name]}-{version(PEERS[name], interpreter)}-" if PEERS[name] else ""
    return Tracker(name, command, identity=f"{name}-{package}{code}")


def _helpers(module: str) -> list[Path]:
    return [HERE / "peers" / f"{base}.py" for base in ("oracle", "byotrack_kalman") if module.startswith(base[:7])]


def ours(name: str, model: str | None) -> Tracker:
    """Run the installed command; ``{data_set}`` and ``{sequence}`` in the path of the model are filled in."""

    def command(movie: Movie, out: Path, gaps: bool) -> list[str]:
        line = [str(COMMAND), "track", str(movie.masks), "--output", str(out)]
        line += ["--images", str(movie.images)] if movie.images else []
        filled = model.format(data_set=movie.data_set, sequence=movie.name) if model else ""
        line += ["--model", str(Path(filled).absolute())] if filled else []
        return line if gaps else [*line, "--max-gap", "0"]

    return Tracker(name, command, cuts_gaps=False)


def trees(path: str) -> Tracker:
    """Run ``trees.py`` with the trees of a data set; ``{data_set}`` and ``{sequence}`` in the path are filled in."""

    def command(movie: Movie, out: Path, gaps: bool) -> list[str]:
        filled = Path(path.format(data_set=movie.data_set, sequence=movie.name)).absolute()
        images = str(movie.images or "-")
        return [sys.executable, "trees.py", str(movie.masks), images, str(out), str(filled), "2" if gaps else "0"]

    return Tracker("trees", command, cuts_gaps=False)


def version(package: str, python: str) -> str:
    """Version of a distribution in another Python, or ``absent``."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "absent"


def run(line: Sequence[str]) -> Run:
    """Run a command that is stopped after ten minutes of CPU time, or forty minutes by the clock."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        ended = subprocess.run(
            line,
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
            timeout=WALL_SECONDS,
            preexec_fn=_limit_cpu,
        )
        problem = _problem(ended)
    except subprocess.TimeoutExpired:
        problem = f"stopped after {time.monotonic() - start:.0f} s by the clock"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, problem)


def _limit_cpu() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 10))


def _problem(ended: subprocess.CompletedProcess[str]) -> str:
    if ended.returncode in (-24, -9):
        return f"stopped after {CPU_SECONDS} CPU seconds"
    if ended.returncode:
        return (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
    return ""
