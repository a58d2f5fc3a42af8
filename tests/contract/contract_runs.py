"""Running a case of the input contract as a user would, in this process, and the page that tells what came of it.

    python tests/contract/contract_runs.py docs/input-contract.md

writes the table of the page anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import re
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import contract_cases
from contract_cases import CASES, FULL_DISK, Case

BEGIN, END = "<!-- begin of the generated table -->", "<!-- end of the generated table -->"
DISK = 3000
"""Bytes that a file may have where the disk is full."""


@dataclass(frozen=True)
class Outcome:
    """What the command did.

    Parameters
    ----------
    code
        Its exit code.
    said
        What it printed as an error.
    warned
        Its warnings.
    changed
        Names of inputs that are no longer as they were, and of new files beside the output.
    spans
        First and last frame of every track, None where there is no result.
    """

    code: int
    said: str
    warned: tuple[str, ...]
    changed: tuple[str, ...]
    spans: list[tuple[int, int]] | None


class _Collected(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def run(case: Case, folder: Path) -> Outcome:
    """Make the input in an empty folder, run the command there, and look at everything afterwards."""
    arguments = case.make(folder)
    before = contents(folder)
    collected = _Collected()
    logging.getLogger().addHandler(collected)
    said = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = _main(arguments, limit=DISK if case.name == FULL_DISK else None)
    finally:
        logging.getLogger().removeHandler(collected)
    after = contents(folder)
    result = {name for name in after if Path(name).parts[0] == case.output and name not in before}
    changed = sorted(name for name in before.keys() | after.keys() - result if before.get(name) != after.get(name))
    if code != 0:
        changed += sorted(result)
    if "--resume" in said.getvalue():
        # The finished pieces stay on purpose, under a name of their own.
        changed = [name for name in changed if Path(name).parts[0] != f"{case.output}.partial"]
    spans = spans_of(folder / case.output) if result else None
    own = tuple(message for message in collected.messages if "tifffile" not in message)
    return Outcome(code, said.getvalue().strip(), own, tuple(changed), spans)


def _main(arguments: list[str], limit: int | None) -> int:
    from cell_tracker_gnn.cli import main

    with mock.patch.object(sys, "argv", ["cell-tracker-gnn", *arguments]), _small_files(limit):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@contextlib.contextmanager
def _small_files(limit: int | None) -> Iterator[None]:
    """Let every file end at some size with an error of the system, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, target of every link, and a word for every folder."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink():
                told = f"to {path.readlink()}"
            else:
                told = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = told
    return found


def spans_of(result: Path) -> list[tuple[int, int]] | None:
    """First and last frame of every track of a result folder."""
    table = result / "res_track.txt"
    if not table.is_file():
        return None
    rows = [tuple(map(int, line.split())) for line in table.read_text().splitlines()]
    return sorted((begin, end) for _, begin, end, _ in rows)


def told(case: Case, outcome: Outcome) -> str:
    """One cell of the table: the tracks of the right result, or the sentence."""
    warned = [f"warning: {message}" for message in outcome.warned]
    if outcome.code != 0:
        return " ".join([*warned, outcome.said.removeprefix("Error: ")])
    counts = Counter(outcome.spans)
    tracks = ", ".join(f"{count:,} in frames {a} to {b}" for (a, b), count in sorted(counts.items()))
    return "; ".join([f"tracks: {tracks or 'none'}", *warned])


def plain(text: str, folder: str) -> str:
    """A sentence without the temporary folder and without the words of other libraries, which change with them."""
    text = text.replace(f"{folder}/", "").replace(folder, "FOLDER")
    text = re.sub(
        r"(cannot be (?:read|written)[\w .-]*|own description|model file|cut off|as JSON|as text) \(.*?\)(?=[;,])",
        r"\1 (reason)",
        text,
    )
    return text.replace("|", "\\|").replace("\n", " ")


def row_of(case: Case, outcome: Outcome, folder: str) -> str:
    """A row of the table."""
    mark = "" if case.spans is not None else "refused: "
    return f"| {case.name} | {mark}{plain(told(case, outcome), folder)} |"


def table() -> str:
    """The table of all cases with what came of them."""
    lines: list[str] = []
    group = ""
    for case in CASES:
        if case.group != group:
            group = case.group
            lines += ["", f"### {group}", "", "| input | outcome |", "|---|---|"]
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder).resolve()
            outcome = run(case, place)
            lines.append(row_of(case, outcome, str(place)))
    return "\n".join(lines[1:])


def page_with(page: str, rows: str) -> str:
    """The page with another table."""
    head, tail = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{head}{BEGIN}\n\n{rows}\n\n{END}{tail}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page_with(path.read_text("utf-8"), table()), "utf-8")
    sys.stdout.write(f"{len(contract_cases.CASES)} cases\n")
