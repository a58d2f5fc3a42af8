"""What a benchmark measured as JSON, with what is needed to run it again."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from trackers import Tracker

PACKAGES = ("cell-tracker-gnn", "numpy", "py-ctcmetrics", "scikit-image", "scipy", "torch")


def store(options: argparse.Namespace, trackers: Sequence[Tracker], measured: Mapping[str, object]) -> None:
    """Write what was measured to ``options.output``, under the command that made it."""
    command = f"benchmarks/{Path(sys.argv[0]).name}"
    content = {
        "command": ["python", command, *(_without_place(word) for word in sys.argv[1:])],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "trackers": {tracker.name: tracker.identity for tracker in trackers},
        "models": {_without_place(entry): checksum(entry.partition("=")[2]) for entry in options.model},
        **measured,
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
