"""The demonstration: a simulated movie, tracked with the bundled model, scored and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cell_tracker_gnn.evaluation import evaluate
from cell_tracker_gnn.io import check_output, write_json, write_result
from cell_tracker_gnn.pipeline import Tracker
from cell_tracker_gnn.report.drawing import draw_tracks, write_picture
from cell_tracker_gnn.report.html import write_report
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

__all__ = ["DEMO", "run_demo"]

DEMO = SimulationSettings(
    kind="nuclei", frames=40, size=(384, 384), cells=45, seed=7, missed=0.02, merged=0.01, spurious=0.01
)
"""The example: dividing nuclei whose masks have the faults of a usual segmentation."""


def run_demo(output: Path, *, progress: Callable[[str, int, int], None] | None = None) -> dict[str, float | None]:
    """Run the demonstration into ``output`` and return its scores.

    A former demonstration in the same folder is replaced; anything else there is refused.

    Raises
    ------
    OutputError
        If the folder holds something else or cannot be written.
    """
    check_output(output / "result", [], overwrite=True)
    movie = output / "movie"
    write_simulation(simulate(DEMO), movie, overwrite=True)
    lineage = Tracker.from_pretrained().track(movie / "01_ERR_SEG", movie / "01", progress=progress)
    write_result(lineage, output / "result", overwrite=True)
    write_picture(draw_tracks(lineage), output / "tracks.png")
    scores = evaluate(output / "result", movie / "01_GT")
    write_json(scores, output / "scores.json")
    write_report(output / "result", output / "report.html", ground_truth=movie / "01_GT", progress=progress)
    return scores
