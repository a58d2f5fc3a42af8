"""Options that all benchmarks of trackers share, and the trackers they choose."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trackers import PEERS, Tracker, ours, peer, trees


def tracker_options(description: str | None, output: str) -> argparse.ArgumentParser:
    """Parser of the options about trackers; ``output`` is the file of ``results/`` that is written by default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", help=f"comma-separated, of ours, {', '.join(PEERS)}; all when left out")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=PATH", help="a model of ours, repeatable")
    parser.add_argument("--trees", metavar="PATH", help="boosted trees on our features, see train_models.py")
    parser.add_argument(
        "--peers-python", action="append", default=[], metavar="[NAME=]PATH", help="Python of the peers"
    )
    parser.add_argument("--cache", type=Path, help="folder for the rows of the peers, outside the repository")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / output)
    return parser


def choose_trackers(options: argparse.Namespace, *always: str) -> list[Tracker]:
    """Put the oracle first, as the measure of avoidable errors, then the peers, then ours with each of its models.

    The oracle and the trackers named in ``always`` are there whatever the options say.
    """
    wanted = options.trackers.split(",") if options.trackers else [*PEERS, "ours"]
    unknown = set(wanted) - {*PEERS, "ours"}
    if unknown:
        raise SystemExit(f"there is no tracker {', '.join(sorted(unknown))}; choose of ours, {', '.join(PEERS)}")
    pythons = {name: path for name, _, path in (entry.rpartition("=") for entry in options.peers_python)}
    default = pythons.get("", sys.executable)
    chosen = [peer(name, pythons.get(name, default)) for name in PEERS if name in {*wanted, "oracle", *always}]
    if options.trees:
        chosen.append(trees(options.trees))
    if "ours" in wanted:
        models = [entry.partition("=") for entry in options.model] or [("", "", "")]
        chosen += [ours(f"ours {name}".strip(), path or None) for name, _, path in models]
    return chosen
