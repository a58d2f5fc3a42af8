"""What is done with a result: convert, measure, evaluate, report, find out what was corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cell_tracker_gnn.cli.options import Numbers, interval_option, unit_option, wide_labels_option
from cell_tracker_gnn.cli.progress import Bar
from cell_tracker_gnn.cli.verbs import verbs
from cell_tracker_gnn.errors import OutputError

__all__ = ["convert", "corrections", "evaluate", "measure", "report"]

_SHOWN = 20
"""So many corrections are listed."""


@verbs.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--masks", help="Masks of the cells, where IN has none: the input's or tracked ones.")
@click.option("--scale", type=Numbers(float, "Z,Y,X"), help="Size of a pixel, in place of that of IN.")
@unit_option
@interval_option
@click.option(
    "--ngff", type=click.Choice(("0.4", "0.5")), default="0.5", show_default=True, help="Version of OME-Zarr."
)
@wide_labels_option
@click.option("--overwrite", is_flag=True, help="Replace a former OUT.")
def convert(source: str, target: Path, **options: Any) -> None:
    """Convert a lineage from IN to OUT; the format is told by the path.

    NAME.geff (also for Mastodon), NAME.xml (TrackMate), NAME.ome.zarr (label image), NAME.csv and NAME.parquet (one
    table of cells); any other name is a folder in the format of the Cell Tracking Challenge with tables.
    """
    from cell_tracker_gnn.io.formats import convert as run_convert

    lineage, lost = run_convert(source, target, **options)
    tracks = f"{len(lineage.cells)} cells in {len(lineage.tracks)} tracks"
    click.echo(f"{tracks} in {target}. {'Lost: ' + '; '.join(lost) if lost else 'Nothing is lost'}.")


@verbs.command()
@click.argument("result")
@click.option("--images", multiple=True, help="Images of the same frames, for intensities; once per channel.")
@click.option("--channel", "channels", multiple=True, type=int, help="Channel of the images; once per channel.")
@click.option("--masks", help="Masks, where RESULT has none.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="New folder for the tables.  [default: RESULT-measured]"
)
@click.option("--scale", type=Numbers(float, "Z,Y,X"), help="Size of a pixel, in place of that of RESULT.")
@unit_option
@interval_option
@click.option("--format", "suffix", type=click.Choice(("csv", "parquet")), default="csv", show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace former tables.")
def measure(result: str, output: Path | None, **options: Any) -> None:
    """Measure the cells of RESULT, a result folder or any other format of lineages, into tables.

    cells has one row per cell and frame (place, speed, shape, intensity), tracks one per cell (birth, end, cycle, path,
    directness, family), msd the mean squared displacements; run.json says what the columns are and their units.
    """
    from cell_tracker_gnn.measuring import measure_result

    path = Path(result)
    target = output or path.with_name(f"{path.name}-measured")
    measured = measure_result(result, target, **options)
    click.echo(f"{len(measured.cells['frame'])} cells in {len(measured.tracks['cell'])} tracks. Tables in {target}")


@verbs.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("ground_truth", type=click.Path(path_type=Path))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
def evaluate(result: Path, ground_truth: Path, json_file: Path | None) -> None:
    """Score RESULT, a CTC result folder, against GROUND_TRUTH, a folder such as 01_GT."""
    from cell_tracker_gnn.evaluation import evaluate as score
    from cell_tracker_gnn.evaluation import format_table, format_verdict
    from cell_tracker_gnn.io import write_json

    scores = score(result, ground_truth)
    from rich.console import Console

    Console().print(format_table(scores))
    click.echo(format_verdict(scores))
    if json_file is not None:
        write_json(scores, json_file)


@verbs.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--images", help="The images.  [default: those that were tracked, if they are still there]")
@click.option("--ground-truth", help="A folder such as 01_GT, for scores and a list of errors.")
@click.option("--output", type=click.Path(path_type=Path), help="The HTML file.  [default: RESULT-report.html]")
def report(result: Path, output: Path | None, images: str | None, ground_truth: str | None) -> None:
    """Show RESULT in one HTML file: movie, lineages, doubts and errors, and corrections for `track --fixed`."""
    from cell_tracker_gnn.report.html import write_report

    target = output or result.with_name(f"{result.name}-report.html")
    with Bar() as bar:
        write_report(result, target, images=images, ground_truth=ground_truth, progress=bar)
    click.echo(f"Report in {target}")


@verbs.command()
@click.argument("original")
@click.argument("edited")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="File of corrections, such as edits.json."
)
@click.option("--overwrite", is_flag=True, help="Replace a former file.")
def corrections(original: str, edited: str, output: Path, overwrite: bool) -> None:
    """Find out what was changed between ORIGINAL, a result of track, and EDITED, a copy edited by another program.

    EDITED may be a folder of the Cell Tracking Challenge, a GEFF (Mastodon, napari) or a TrackMate XML file. The
    corrections are for 'train --edits' and for 'track --fixed'.
    """
    from cell_tracker_gnn.io.changes import find_changes
    from cell_tracker_gnn.io.edits import write_edits

    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists already; choose another --output or add --overwrite")
    changes = find_changes(original, edited)
    write_edits(changes.edits, output)
    for edit in changes.edits.edits[:_SHOWN]:
        ends = f"cell {edit.label_from} of frame {edit.frame_from} to cell {edit.label_to} of frame {edit.frame_to}"
        click.echo(f"{edit.op:>4}  {ends}")
    count = len(changes.edits.edits)
    if count > _SHOWN:
        click.echo(f"      and {count - _SHOWN} more")
    cut = sum(edit.op == "cut" for edit in changes.edits.edits)
    click.echo(f"{cut} of {changes.links} links cut, {count - cut} added. Corrections in {output}")
    if changes.new or changes.gone:
        click.echo(f"{changes.new} cells are new and {changes.gone} are gone, which links cannot say: change the masks")
