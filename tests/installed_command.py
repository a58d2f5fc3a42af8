"""The installed command, as a user calls it."""

import csv
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("cell-tracker-gnn")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Call the command and wait for it."""
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One sentence on stderr that names the words, exit code 2, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table that it wrote."""
    with path.open() as file:
        return list(csv.DictReader(file))
