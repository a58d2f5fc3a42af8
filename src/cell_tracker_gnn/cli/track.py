"""``track``: masks, points or images to a lineage."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cell_tracker_gnn.cli.former import check_former, mark_parts
from cell_tracker_gnn.cli.options import (
    Part,
    Words,
    device_option,
    interval_option,
    scale_option,
    unit_option,
    wide_labels_option,
)
from cell_tracker_gnn.cli.progress import Bar
from cell_tracker_gnn.cli.verbs import verbs
from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.settings import LINKERS, SEGMENTERS, TrackSettings

if TYPE_CHECKING:
    from cell_tracker_gnn.data import Lineage
    from cell_tracker_gnn.segmentation import SegmentedMovie

__all__ = ["quick_imports", "track"]

_log = logging.getLogger(__name__)


@verbs.command()
@click.argument("masks", required=False)
@click.option("--images", help="Images of the same frames; without them masks and motion alone are used.")
@click.option("--segment", type=click.Choice(SEGMENTERS), help="Make the masks of the images, in the place of MASKS.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="New folder for the result.")
@click.option("--model", default="general", show_default=True, help="Name of a bundled model or a model file.")
@click.option("--linker", type=click.Choice(LINKERS), default="exact", show_default=True, help="How links are chosen.")
@scale_option
@unit_option
@interval_option
@click.option("--max-gap", default=2, show_default=True, help="Frames a cell may be missed and still be continued.")
@click.option("--max-move", type=float, help="Largest move per frame, in units of the scale.  [default: adaptive]")
@click.option("--no-divisions", is_flag=True, help="No cell has two daughters.")
@click.option("--min-size", default=0, show_default=True, help="Leave out cells of fewer pixels.")
@click.option("--flips", is_flag=True, help="Embed every cell in all reflections; for models with an encoder.")
@device_option
@click.option("--fixed", type=click.Path(path_type=Path), help="Corrections that the report saved, to be obeyed.")
@click.option("--axes", help="Axes of a stack if its tags do not say them, such as tzyx.")
@click.option("--channel", type=int, help="Channel of the images, counted from 0.")
@click.option("--frames", help="Only the frames A:B, B excluded, as numbered in the input.")
@click.option("--format", "formats", type=Words(), default="ctc,csv", show_default=True,
              help="What to write: ctc, csv, parquet, geff, trackmate, ome-zarr.")  # fmt: skip
@wide_labels_option
@click.option("--draw", is_flag=True, help="Also write the CTC result of points, as small discs.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write a report, an HTML file.")
@click.option("--overwrite", is_flag=True, help="Replace a former result.")
@click.option("--resume", is_flag=True, help="Continue a run that was broken off.")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one per core if the movie is large]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each process.")
@click.option("--dask", metavar="ADDRESS", help="Compute on the workers of a dask scheduler; 'local' starts one.")
@click.option("--part", type=Part(), help="Only measure the I-th of N parts of the frames; --resume does the rest.")
def track(masks: str | None, output: Path, report: Path | None, **options: Any) -> None:
    """Track MASKS, a folder of label images (one per frame), a stack, an OME-Zarr, an array on disk or points.

    A table of points is a .csv or .parquet file with the columns t,[z],y,x[,id]. Without MASKS, --images IMAGES
    --segment threshold makes them of bright cells on dark; cellpose and stardist are called if they are installed.
    """
    _check_masks(masks, options["images"], options["segment"])
    settings = TrackSettings(
        divisions=not options["no_divisions"],
        **{name: options[name] for name in ("linker", "max_gap", "max_move", "min_size", "flips", "device")},
    )
    from cell_tracker_gnn.io import check_formats, check_output, work_folder, write_result

    check_formats(options["formats"])
    inputs = [path for path in (masks, options["images"]) if path]
    part, fresh = options["part"], not (options["resume"] or options["part"])
    check_former(output, resumes=not fresh, overwrite=options["overwrite"])
    check_output(output, inputs, options["overwrite"])
    if report is not None:
        from cell_tracker_gnn.report.html import check_report

        check_report(report, tuple(map(Path, inputs)))
    with quick_imports():
        from cell_tracker_gnn.pipeline import Tracker

    tracker = Tracker.from_pretrained(options["model"], settings)
    opening = {name: options[name] for name in ("images", "axes", "channel", "frames", "scale", "unit", "interval")}
    with Bar() as bar, _executor(options) as computing, work_folder(output, fresh=fresh) as work:
        made = _segmented(work, bar, options)
        source = made.masks if made else masks
        if part is not None:
            mark_parts(work)
            tracker.measure(source, part=part, work=work, progress=bar, **opening, **computing)
            click.echo(f"Part {part[0]} of {part[1]} is measured; when all are, run the same with --resume instead")
            return
        lineage = tracker.track(source, fixed=options["fixed"], work=work, progress=bar, **opening, **computing)
        bar("writing", 0, 1)
        write_result(
            made.recorded(lineage) if made else lineage,
            output,
            masks=made.masks if made else None,
            **{name: options[name] for name in ("overwrite", "wide_labels", "draw", "formats")},
        )
        bar("writing", 1, 1)
        if report is not None:
            from cell_tracker_gnn.report.html import write_report

            write_report(output, report, progress=bar)
    _say_what_was_found(lineage, output, report)
    if not len(lineage.cells):
        _log.warning("no cell was found: %s", _advice_without_cells(options["segment"], options["min_size"]))


@contextmanager
def _executor(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Who computes, as arguments of the tracker; what is finished is not lost if that is broken off."""
    own = {"workers": options["workers"], "threads": options["threads"]}
    try:
        if options["dask"] is None:
            yield own
            return
        from cell_tracker_gnn.stages.executors import dask_executor

        with dask_executor(options["dask"], **own) as executor:
            yield {"executor": executor}
    except KeyboardInterrupt:
        click.echo("Broken off; the finished pieces are kept, continue with --resume", err=True)
        raise


def _say_what_was_found(lineage: Lineage, output: Path, report: Path | None) -> None:
    from cell_tracker_gnn.data import KINDS

    links = {kind: int((lineage.links.kind == code).sum()) for code, kind in enumerate(KINDS)}
    click.echo(
        f"{len(lineage.cells)} cells in {len(lineage.cells.numbers)} frames: {len(lineage.tracks)} tracks, "
        f"{links['division'] // 2} divisions, {links['gap']} gaps closed. Result in {output}"
        + (f", report in {report}" if report is not None else "")
    )


def _advice_without_cells(segment: str | None, min_size: int) -> str:
    if min_size > 0:
        return f"perhaps none has the {min_size} pixels of --min-size; try a smaller one"
    if segment == "threshold":
        return (
            "--segment threshold finds bright cells on dark; invert images of dark ones, choose another --channel, or "
            "give the MASKS of another program"
        )
    if segment:
        return f"give the MASKS of another program than {segment}, or try --segment threshold"
    return "the masks are all background; look whether these are the right ones"


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without looking for garbage, which takes a fifth of the time that the large libraries need."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _check_masks(masks: str | None, images: str | None, segment: str | None) -> None:
    if segment and not images:
        raise SettingsError(f"--segment {segment} needs the images; name them with --images")
    if segment and masks:
        raise SettingsError(f"give either MASKS or --segment {segment}, which makes masks of the images")
    if not masks and not segment:
        raise SettingsError("no MASKS were given; name them, or make them: --images IMAGES --segment threshold")


def _segmented(work: Path, bar: Bar, options: dict[str, Any]) -> SegmentedMovie | None:
    """The masks made of the images, kept with the finished pieces of the run; None where MASKS were given."""
    if options["segment"] is None:
        return None
    from cell_tracker_gnn.segmentation import segment_movie

    return segment_movie(
        options["images"],
        work / f"masks-{options['segment']}",
        options["segment"],
        gpu=options["device"] != "cpu",
        progress=partial(bar, "segmenting"),
        **{name: options[name] for name in ("axes", "channel", "frames", "scale")},
    )
