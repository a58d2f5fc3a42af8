"""Some kills at random moments; hundreds were tried once, see ``benchmarks/results/kills.json``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.slow
def test_a_kill_loses_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    chosen = [word for name in ("track", "report", "convert", "track --segment") for word in ("--job", name)]
    command = [sys.executable, SCRIPT, "--kills", "4", "--seed", "7", *chosen, "--output", tmp_path / "kills.json"]
    # The script forks, which the threads of OpenMP would not survive.
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    counted = json.loads((tmp_path / "kills.json").read_text("utf-8"))
    assert counted["kills"] == 4
    assert counted["wrong"] == 0, counted
