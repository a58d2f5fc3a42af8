"""Processes killed at random moments: is anything lost, broken or different afterwards?

    python benchmarks/kills.py --kills 200

``track``, ``train``, ``convert`` and ``report`` are run undisturbed once, then again and again with a SIGKILL at a
moment drawn evenly over that time. After each kill the inputs must be as they were and the result either not there or
whole; then the command is continued (``--resume``) or given again, and must end with the bytes of the undisturbed run
and leave nothing else behind. Most runs are forks of this process, so that the moments fall into the work and not into
the import of the libraries; every fifth one is the installed command. Writes ``results/kills.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = Path(sys.executable).with_name("cell-tracker-gnn")
RESULTS = Path(__file__).parent / "results"
INSTALLED = 5
"""Every so many kills hit the installed command."""

MARKER = ".cell-tracker-gnn"

QUICK = (
    "epochs=3", "batches=4", "batch_links=400", "embedding_epochs=1", "embedding_dim=16", "width=16", "blocks=2",
    "faults=no", "subsample=no", "scores_every=2", "logger=none",
)  # fmt: skip
FORMATS = ("geff", "xml", "ome.zarr", "csv", "parquet", "")

Contents = dict[str, str]
"""Hash by relative path."""


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Parameters
    ----------
    name
        How the table calls it.
    arguments
        Of the command.
    output
        Name of what it makes.
    again
        What is added to continue it.
    before
        A former result that stands at the place of the output, if it is one that is to be replaced.
    look
        What of the output must be equal; everything when left out.
    """

    name: str
    arguments: tuple[str, ...]
    output: str
    again: tuple[str, ...] = ()
    before: Path | None = None
    look: Callable[[Path], Contents] | None = None

    def contents(self, folder: Path) -> Contents | None:
        """What stands under the final name; None where nothing does."""
        path = folder / self.output
        return None if not path.exists() else (self.look or hashes)(path)


@dataclass
class Tally:
    """What happened to the runs of one job."""

    kills: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def hashes(path: Path) -> Contents:
    """Hash of a file, or of all files in a folder; the empty file that marks a folder as ours does not count."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    files = [file for file in files if file.name != MARKER]
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def weights(path: Path) -> Contents:
    """Hash of the weights that a model file carries; its card tells how long the training took."""
    from safetensors import safe_open

    model = path / "model.safetensors"
    if not model.is_file():
        return {}
    with safe_open(model, framework="np") as file:
        return {"weights": json.loads(file.metadata()["cell_tracker_gnn"])["tensors_sha256"]}


def jobs(place: Path) -> list[Job]:
    """The commands, on a small simulated movie and a result of it."""
    movie = place / "inputs" / "movie"
    (place / "inputs").mkdir()
    # Made by a fork, too: this process must have no threads.
    call(["simulate", str(movie), "--frames", "14", "--cells", "10", "--size", "130,130", "--seed", "3"])
    masks, images = str(movie / "01_ERR_SEG"), str(movie / "01")
    tracked = place / "inputs" / "result"
    call(["track", masks, "--images", images, "--output", str(tracked)])
    shutil.copytree(tracked, place / "former")
    (place / "former" / "run.json").write_text("{}\n")
    all_formats = ("--format", "ctc,csv,parquet,geff,trackmate,ome-zarr")
    found = [
        Job("track", ("track", masks, "--images", images, "--output", "out", *all_formats), "out", ("--resume",)),
        Job("track --overwrite", ("track", masks, "--output", "out", "--overwrite"), "out", ("--resume",),
            place / "former"),
        Job("track --segment", ("track", "--images", images, "--segment", "threshold", "--output", "out"), "out",
            ("--resume",)),
        Job("report", ("report", str(tracked), "--images", images, "--output", "report.html"), "report.html"),
        Job("train", ("train", str(movie / "01"), "--output", "model", "--device", "cpu", *QUICK), "model",
            ("--resume",), look=weights),
    ]  # fmt: skip
    for suffix in FORMATS:
        output = f"converted.{suffix}" if suffix else "converted"
        found.append(Job("convert", ("convert", str(tracked), output), output))
    return found


def call(arguments: Sequence[str], folder: Path | None = None, after: float | None = None, *, fork: bool = True) -> int:
    """Run the command in a folder, killed after so many seconds; its exit code, negative for a signal."""
    child = _fork(arguments, folder) if fork else _start(arguments, folder)
    if after is not None:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _start(arguments: Sequence[str], folder: Path | None) -> int:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([str(COMMAND), *arguments], cwd=folder, stdout=quiet, stderr=quiet)
    process.returncode = 0  # we wait for it ourselves
    return process.pid


def _fork(arguments: Sequence[str], folder: Path | None) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if folder is not None:
            os.chdir(folder)
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.argv = ["cell-tracker-gnn", *arguments]
        from cell_tracker_gnn.cli import main

        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def warm_up() -> None:
    """Import what the commands import, so that forks are about their work."""
    import cell_tracker_gnn.io.geff
    import cell_tracker_gnn.pipeline
    import cell_tracker_gnn.report.html
    import cell_tracker_gnn.training.configure
    import cell_tracker_gnn.training.run  # noqa: F401


def undisturbed(job: Job, place: Path, inputs: Contents) -> tuple[Contents, float]:
    """What the command makes, and how many seconds it takes."""
    folder = _fresh(job, place)
    begun = time.monotonic()
    code = call(job.arguments, folder)
    seconds = time.monotonic() - begun
    made = job.contents(folder)
    if code != 0 or not made or hashes(place / "inputs") != inputs:
        raise SystemExit(f"{job.arguments} fails when it is left alone, code {code}")
    return made, seconds


def kill_once(job: Job, place: Path, share: float, known: tuple[Contents, float], *, fork: bool) -> tuple[str, str]:
    """Kill, look, continue, look again; what was left under the final name, and what is wrong or ''."""
    expected, seconds = known
    folder, inputs = _fresh(job, place), hashes(place / "inputs")
    # The installed command imports its libraries first.
    call(job.arguments, folder, share * (seconds if fork else seconds + 4), fork=fork)
    left = job.contents(folder)
    former = None if job.before is None else hashes(job.before)
    if hashes(place / "inputs") != inputs:
        return "", "the inputs changed"
    state = {None: "nothing"}.get(None if not left else "", "whole" if left == expected else "former")
    if left and left not in (expected, former):
        return "broken", f"a broken result, killed at {share:.3f}"
    again = () if job.again == ("--resume",) and state == "whole" else job.again
    if state != "whole":
        code = call((*job.arguments, *again), folder, fork=True)
        if code != 0:
            return state, f"continuing gave exit code {code}, killed at {share:.3f}"
    if job.contents(folder) != expected:
        return state, f"another result after continuing, killed at {share:.3f}"
    beside = sorted(path.name for path in folder.iterdir() if path.name != job.output)
    if beside and state != "whole":
        return state, f"{beside} left behind, killed at {share:.3f}"
    return state, "" if hashes(place / "inputs") == inputs else "the inputs changed"


def _fresh(job: Job, place: Path) -> Path:
    folder = place / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if job.before is not None:
        shutil.copytree(job.before, folder / job.output)
    return folder


def run(kills: int, place: Path, seed: int = 0, names: Sequence[str] = ()) -> dict[str, Tally]:
    """Kill the commands in turn; what happened, by the name of the job."""
    warm_up()
    chosen = [job for job in jobs(place) if not names or job.name in names]
    inputs = hashes(place / "inputs")
    known: dict[tuple[str, ...], tuple[Contents, float]] = {}
    rng, tallies = random.Random(seed), {job.name: Tally() for job in chosen}  # noqa: S311 - no secret
    for number in range(kills):
        # One format of convert at a time, so that every command comes equally often.
        name = list(tallies)[number % len(tallies)]
        candidates = [job for job in chosen if job.name == name]
        job = candidates[number // len(tallies) % len(candidates)]
        if job.arguments not in known:
            known[job.arguments] = undisturbed(job, place, inputs)
        share, tally = rng.random(), tallies[name]
        state, wrong = kill_once(job, place, share, known[job.arguments], fork=number % INSTALLED != INSTALLED - 1)
        tally.kills += 1
        tally.moments[f"{int(share * 10) / 10:.1f}"] += 1
        tally.left[state] += 1
        if wrong:
            tally.wrong.append(f"{' '.join(job.arguments[:1])} {job.output}: {wrong}")
            print(tally.wrong[-1], flush=True)
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", action="append", default=[], help="only these, such as 'track --segment'")
    parser.add_argument("--output", type=Path, default=RESULTS / "kills.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tallies = run(options.kills, Path(folder), options.seed, options.job)
    rows = {
        name: {
            "kills": tally.kills,
            "moments": dict(sorted(tally.moments.items())),
            "left under the final name": dict(tally.left),
            "wrong": tally.wrong,
        }
        for name, tally in tallies.items()
    }
    content = {
        "command": f"python benchmarks/kills.py --kills {options.kills} --seed {options.seed}",
        "kills": sum(tally.kills for tally in tallies.values()),
        "wrong": sum(len(tally.wrong) for tally in tallies.values()),
        "jobs": rows,
    }
    options.output.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    print(json.dumps({name: row["wrong"] for name, row in rows.items()}, indent=1))


if __name__ == "__main__":
    main()
