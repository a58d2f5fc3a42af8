"""What comes with the program: models, simulated movies, a demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cell_tracker_gnn.cli.options import Numbers
from cell_tracker_gnn.cli.progress import Bar
from cell_tracker_gnn.cli.verbs import verbs

__all__ = ["demo", "models", "simulate"]


@verbs.command()
@click.argument("model", nargs=-1)
def models(model: tuple[str, ...]) -> None:
    """List the bundled models, or check and describe each MODEL: a name, a model file or the folder of a training."""
    from rich.console import Console
    from rich.table import Table

    from cell_tracker_gnn.model.description import describe_model
    from cell_tracker_gnn.model.weights import bundled_models

    table = Table(box=None, show_header=False)
    for _ in range(2):
        table.add_column(overflow="fold")
    if not model:
        for name in bundled_models():
            found = describe_model(name)
            table.add_row(name, found.summary())
    for name in model:
        for key, text in (("model", name), *describe_model(name).rows(), ("state", "whole: the file can be used")):
            table.add_row(key, text)
    Console().print(table)


@verbs.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--kind", default="nuclei", show_default=True, help="nuclei, nuclei3d, bacteria, epithelium or fast.")
@click.option("--frames", default=30, show_default=True, help="Number of frames.")
@click.option("--size", type=Numbers(int, "Y,X"), help="Pixels of a frame: Y,X or Z,Y,X.")
@click.option("--cells", default=30, show_default=True, help="Mean number of cells per frame.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same movie.")
@click.option("--motion", default=1.0, show_default=True, help="Factor on the speed.")
@click.option("--division-rate", default=1.0, show_default=True, help="Factor on the number of divisions.")
@click.option("--death-rate", default=1.0, show_default=True, help="Factor on the number of deaths.")
@click.option("--leaving", default=0.0, show_default=True, help="Share of cells that leave within the field, per step.")
@click.option("--arriving", default=0.0, show_default=True, help="Share of cells that come in there, per step.")
@click.option("--variety", default=0.0, show_default=True, help="How much cells and divisions differ, 0 to about 1.")
@click.option("--unrest", default=0.0, show_default=True, help="How much outlines change from frame to frame.")
@click.option("--drift", default=0.0, show_default=True, help="Speed of the stage in pixels per frame.")
@click.option("--every", default=1, show_default=True, help="Every how many steps of their life one is shown.")
@click.option("--whole", is_flag=True, help="Leave cells that touch the border out of the masks.")
@click.option("--missed", default=0.0, show_default=True, help="Share of cells left out of the damaged masks.")
@click.option("--merged", default=0.0, show_default=True, help="Share of cells merged with a neighbour.")
@click.option("--split", default=0.0, show_default=True, help="Share of cells cut in two.")
@click.option("--spurious", default=0.0, show_default=True, help="Specks per cell.")
@click.option("--overwrite", is_flag=True, help="Replace a former simulation.")
def simulate(output: Path, overwrite: bool, size: tuple[int, ...] | None, **options: Any) -> None:
    """Simulate a movie with known lineage into OUTPUT, in the layout of the Cell Tracking Challenge."""
    from cell_tracker_gnn.simulation import SimulationSettings, write_simulation
    from cell_tracker_gnn.simulation import simulate as run_simulation

    settings = SimulationSettings(size=size or (), **options)
    write_simulation(run_simulation(settings), output, overwrite=overwrite)
    click.echo(f"Movie of {settings.frames} frames in {output}")


@verbs.command()
@click.option("--output", default="demo-result", show_default=True, type=click.Path(path_type=Path))
def demo(output: Path) -> None:
    """Simulate a small movie, track it with the bundled model, score it and show it."""
    from cell_tracker_gnn.demo import run_demo

    with Bar() as bar:
        scores = run_demo(output, progress=bar)
    from rich.console import Console

    from cell_tracker_gnn.evaluation import format_table, format_verdict

    Console().print(format_table(scores))
    click.echo(format_verdict(scores))
    click.echo(f"Movie, result, scores.json and tracks.png in {output}; open {output / 'report.html'} in a browser")
