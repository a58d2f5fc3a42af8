"""A real dask cluster of two worker processes, one of which is killed while it computes."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from cell_tracker_gnn import Tracker
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

distributed = pytest.importorskip("distributed")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    write_simulation(simulate(SimulationSettings(frames=64, cells=8, size=(140, 140), seed=8)), tmp_path)
    masks, images, work = tmp_path / "01_ERR_SEG", tmp_path / "01", tmp_path / "work"
    tracker = Tracker.from_pretrained()
    expected = tracker.track(masks, images)
    work.mkdir()
    killed: list[int] = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))

        def kill(stage: str, done: int, total: int) -> None:
            if not killed and done < total:
                os.kill(victim, signal.SIGKILL)
                killed.append(done)

        found = tracker.track(masks, images, executor=client.get_executor(pure=False), work=work, progress=kill)
        assert victim not in client.run(os.getpid).values()
    assert killed
    for name in ("source", "target", "kind", "probability", "margin"):
        np.testing.assert_array_equal(getattr(found.links, name), getattr(expected.links, name))
    np.testing.assert_array_equal(found.track, expected.track)
    assert found.summary == expected.summary
