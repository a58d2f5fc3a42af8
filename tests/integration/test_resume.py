"""The installed command when it is broken off, shared out over jobs, or computed by several processes."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from installed_command import COMMAND, refused


def command(folder: Path, output: Path, *more: str) -> list[str]:
    inputs = [str(folder / "01_ERR_SEG"), "--images", str(folder / "01"), "--output", str(output)]
    return [str(COMMAND), "track", *inputs, *more]


def run(folder: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, output, *more), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie")
    write_simulation(simulate(SimulationSettings(frames=60, cells=8, size=(140, 140), seed=8)), path)
    return path


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("expected") / "out"
    done = run(folder, output)
    assert done.returncode == 0, done.stderr
    return contents(output)


def contents(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(output.iterdir())}


def test_a_killed_run_is_continued_to_the_same_bytes(folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    output, work = tmp_path / "out", tmp_path / "out.partial" / "work"
    for pieces in (1, 2):
        process = subprocess.Popen(command(folder, output, "--resume"), stderr=subprocess.DEVNULL)
        while len(list(work.glob("features-*.npz"))) < pieces and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not output.exists()
    assert len(list(work.glob("features-*.npz"))) >= 2
    other = run(folder, output, "--resume", "--max-gap", "1")
    assert other.returncode == 2
    assert "other settings" in other.stderr
    done = run(folder, output, "--resume", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert contents(output) == expected
    assert not work.parent.exists()


@pytest.mark.slow
def test_parts_are_measured_by_several_jobs(folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "out"
    jobs = [subprocess.Popen(command(folder, output, "--part", f"{part}/2")) for part in (1, 2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert len(list((tmp_path / "out.partial" / "work").glob("features-*.npz"))) == 4
    assert not output.exists()
    done = run(folder, output, "--resume")
    assert done.returncode == 0, done.stderr
    assert contents(output) == expected
    for again in (("--resume",), ("--part", "1/2")):
        refused(run(folder, output, *again), "is finished", "--overwrite")
    assert contents(output) == expected


@pytest.mark.slow
def test_without_resume_what_is_left_over_is_cleared(folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert run(folder, output, "--part", "1/6", "--max-gap", "1").returncode == 0
    # Nobody throws away what jobs have measured by forgetting an option.
    refused(run(folder, output), "out.partial", "--resume", "--overwrite")
    assert list((tmp_path / "out.partial" / "work").glob("features-*.npz"))
    done = run(folder, output, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert contents(output) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("wrong", ["0/3", "4/3", "one"])
def test_wrong_parts_are_refused(wrong: str, folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "out", "--part", wrong)
    assert done.returncode == 2
    assert "such as 3/10" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_unusable_frame_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "01" / "t050.tif").write_bytes(b"no picture")
    done = run(broken, tmp_path / "out", "--workers", "2")
    assert done.returncode == 2
    assert "t050.tif" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]
