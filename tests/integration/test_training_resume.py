"""A training that is killed goes on, through the installed command."""

import csv
import signal
import subprocess
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from installed_command import COMMAND

QUICK = ("epochs=4", "batches=6", "batch_links=800", "embedding_epochs=1", "embedding_dim=16")
SMALL = ("width=16", "blocks=2", "faults=no", "subsample=no", "scores_every=2")


def command(sequence: Path, output: Path, *more: str) -> list[str]:
    return [str(part) for part in (COMMAND, "train", sequence, "--output", output, "--device", "cpu", *QUICK, *more)]


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume") / "movie"
    write_simulation(simulate(SimulationSettings(frames=14, cells=12, size=(160, 160), seed=3)), folder)
    return folder / "01"


def kill_after_an_epoch(arguments: list[str], last: Path) -> None:
    """SIGKILL as soon as one epoch more is on the disk, so in the middle of the next one."""
    before = last.stat().st_mtime_ns if last.exists() else 0
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    until = time.monotonic() + 300
    while not last.exists() or last.stat().st_mtime_ns == before:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    if process.stderr:
        process.stderr.close()


@pytest.mark.slow
def test_a_run_killed_twice_ends_with_the_weights_of_one_that_was_not(sequence: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(sequence, whole, *SMALL), check=True)
    again = command(sequence, broken, "--resume", *SMALL)
    # The first time there is nothing to go on with.
    for _ in range(2):
        kill_after_an_epoch(again, broken / "work" / "last.ckpt")
        assert not (broken / "model.safetensors").exists()
    subprocess.run(again, check=True)
    wanted, found = load_file(whole / "model.safetensors"), load_file(broken / "model.safetensors")
    assert wanted.keys() == found.keys()
    assert all((wanted[key] == found[key]).all() for key in wanted)
    with (broken / "logs" / "run-3" / "metrics.csv").open() as file:
        epochs = {int(row["epoch"]) for row in csv.DictReader(file)}
    assert epochs
    assert min(epochs) >= 2
    # A finished run is left as it is, and a run of other settings is refused.
    subprocess.run(again, check=True)
    refused = subprocess.run(
        command(sequence, broken, "--resume", "blocks=3"), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "tracker.blocks=2" in refused.stderr
