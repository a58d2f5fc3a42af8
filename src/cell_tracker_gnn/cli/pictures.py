"""Pictures of a result: figures and movie files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cell_tracker_gnn.cli.progress import Bar
from cell_tracker_gnn.cli.verbs import verbs

__all__ = ["movie", "plot"]


@verbs.command()
@click.argument("result")
@click.option("--kind", type=click.Choice(("lineage", "tracks", "reliability")), default="lineage", show_default=True)
@click.option("--images", help="The images, for tracks.  [default: those that were tracked, if they are still there]")
@click.option("--ground-truth", help="A folder such as 01_GT, for reliability.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="NAME.png, NAME.svg or NAME.pdf.")
@click.option("--overwrite", is_flag=True, help="Replace a former file.")
def plot(result: str, kind: str, output: Path, **options: Any) -> None:
    """Draw RESULT, a result folder or any other format of lineages.

    lineage is the tree of all families, tracks the ways of the cells over the last image, reliability how often links
    of a stated probability are right.
    """
    from cell_tracker_gnn.plots import write_plot

    write_plot(result, kind, output, **options)
    click.echo(f"Figure in {output}")


@verbs.command()
@click.argument("result")
@click.option("--images", help="The images.  [default: those that were tracked, if they are still there]")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="NAME.webp or NAME.mp4.")
@click.option("--rate", default=10.0, show_default=True, help="Frames per second.")
@click.option("--overwrite", is_flag=True, help="Replace a former file.")
def movie(result: str, output: Path, images: str | None, rate: float, overwrite: bool) -> None:
    """Show RESULT as a movie file for slides and mails: outlines and tails over the images, families in colour."""
    from cell_tracker_gnn.report.clip import write_clip

    with Bar() as bar:
        write_clip(result, output, images=images, rate=rate, overwrite=overwrite, progress=bar)
    click.echo(f"Movie in {output}")
