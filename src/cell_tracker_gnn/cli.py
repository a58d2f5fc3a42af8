"""The command ``cell-tracker-gnn``: one thin function per verb; heavy imports inside the functions."""

from __future__ import annotations

import difflib
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cell_tracker_gnn.errors import CellTrackerError, OutputError, SettingsError
from cell_tracker_gnn.settings import LINKERS, SEGMENTERS, TrackSettings
from cell_tracker_gnn.training.settings import GROUPS, STAGES, TrainSettings

if TYPE_CHECKING:
    from cell_tracker_gnn.data import Lineage
    from cell_tracker_gnn.segmentation import SegmentedMovie

__all__ = ["main"]

_SHOWN = 20
"""So many corrections are listed."""


class _Verbs(click.Group):
    """Suggests the nearest verb for a typo."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near:
                raise click.UsageError(f"there is no command {args[0]!r}; did you mean {near[0]!r}?") from error
            raise


class _Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers such as ``2,0.5,0.5``."""

    def __init__(self, kind: type[int] | type[float], name: str) -> None:
        self.kind, self.name = kind, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.kind(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as {self.name}", param, ctx)


class _Part(click.ParamType[tuple[int, int]]):
    """One of several parts, such as ``3/10``."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        part, _, parts = str(value).partition("/")
        if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
            self.fail(f"{value!r} is not one of several parts, such as 3/10", param, ctx)
        return int(part), int(parts)


class _Words(click.ParamType[tuple[str, ...]]):
    """Comma-separated words such as ``ctc,geff``."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return (
            value if isinstance(value, tuple) else tuple(word.strip() for word in str(value).split(",") if word.strip())
        )


class _Interval(click.ParamType[float]):
    """A duration such as ``300s`` or ``5min``, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from cell_tracker_gnn.io.units import parse_interval

        return value if isinstance(value, float) else parse_interval(str(value))


def main() -> None:
    """Run the command line; an error of ours is one sentence and exit code 2."""
    try:
        _verbs.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except CellTrackerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


@click.group(cls=_Verbs, name="cell-tracker-gnn", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cell-tracker-gnn")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done and how long each stage takes.")
def _verbs(verbose: bool) -> None:
    """Track cells in microscopy movies: who is who over time and who is whose daughter."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


@_verbs.command()
@click.argument("masks", required=False)
@click.option("--images", help="Images of the same frames; without them masks and motion alone are used.")
@click.option("--segment", type=click.Choice(SEGMENTERS), help="Make the masks of the images, in the place of MASKS.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="New folder for the result.")
@click.option("--model", default="general", show_default=True, help="Name of a bundled model or a model file.")
@click.option("--linker", type=click.Choice(LINKERS), default="exact", show_default=True, help="How links are chosen.")
@click.option("--scale", type=_Numbers(float, "Z,Y,X"), help="Size of a pixel: Z,Y,X or Y,X.")
@click.option("--unit", help="Unit of the scale, such as µm.")
@click.option("--interval", type=_Interval(), help="Time between two frames, such as 300s or 5min.")
@click.option("--max-gap", default=2, show_default=True, help="Frames a cell may be missed and still be continued.")
@click.option("--max-move", type=float, help="Largest move per frame, in units of the scale.  [default: adaptive]")
@click.option("--no-divisions", is_flag=True, help="No cell has two daughters.")
@click.option("--min-size", default=0, show_default=True, help="Leave out cells of fewer pixels.")
@click.option("--flips", is_flag=True, help="Embed every cell in all reflections; for models with an encoder.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--fixed", type=click.Path(path_type=Path), help="Corrections that the report saved, to be obeyed.")
@click.option("--axes", help="Axes of a stack if its tags do not say them, such as tzyx.")
@click.option("--channel", type=int, help="Channel of the images, counted from 0.")
@click.option("--frames", help="Only the frames A:B, B excluded, as numbered in the input.")
@click.option("--format", "formats", type=_Words(), default="ctc,csv", show_default=True,
              help="What to write: ctc, csv, parquet, geff, trackmate, ome-zarr.")  # fmt: skip
@click.option("--wide-labels", is_flag=True, help="Write 32-bit masks, for more than 65,535 tracks.")
@click.option("--draw", is_flag=True, help="Also write the CTC result of points, as small discs.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write a report, an HTML file.")
@click.option("--overwrite", is_flag=True, help="Replace a former result.")
@click.option("--resume", is_flag=True, help="Continue a run that was broken off.")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one per core if the movie is large]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each process.")
@click.option("--dask", metavar="ADDRESS", help="Compute on the workers of a dask scheduler; 'local' starts one.")
@click.option("--part", type=_Part(), help="Only measure the I-th of N parts of the frames; --resume does the rest.")
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
    check_output(output, inputs, options["overwrite"])
    if report is not None:
        from cell_tracker_gnn.report.html import check_report

        check_report(report, tuple(map(Path, inputs)))
    with _quick_imports():
        from cell_tracker_gnn.pipeline import Tracker

    tracker = Tracker.from_pretrained(options["model"], settings)
    opening = {name: options[name] for name in ("images", "axes", "channel", "frames", "scale", "unit", "interval")}
    part, fresh = options["part"], not (options["resume"] or options["part"])
    with _Bar() as bar, _executor(options) as computing, work_folder(output, fresh=fresh) as work:
        made = _segmented(work, bar, options)
        source = made.masks if made else masks
        if part is not None:
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


@contextmanager
def _quick_imports() -> Iterator[None]:
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


def _segmented(work: Path, bar: _Bar, options: dict[str, Any]) -> SegmentedMovie | None:
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


@_verbs.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--masks", help="Masks of the cells, where IN has none: the input's or tracked ones.")
@click.option("--scale", type=_Numbers(float, "Z,Y,X"), help="Size of a pixel, in place of that of IN.")
@click.option("--unit", help="Unit of the scale, such as µm.")
@click.option("--interval", type=_Interval(), help="Time between two frames, such as 300s or 5min.")
@click.option(
    "--ngff", type=click.Choice(("0.4", "0.5")), default="0.5", show_default=True, help="Version of OME-Zarr."
)
@click.option("--wide-labels", is_flag=True, help="Write 32-bit masks, for more than 65,535 tracks.")
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


@_verbs.command()
@click.argument("result")
@click.option("--images", multiple=True, help="Images of the same frames, for intensities; once per channel.")
@click.option("--channel", "channels", multiple=True, type=int, help="Channel of the images; once per channel.")
@click.option("--masks", help="Masks, where RESULT has none.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="New folder for the tables.  [default: RESULT-measured]"
)
@click.option("--scale", type=_Numbers(float, "Z,Y,X"), help="Size of a pixel, in place of that of RESULT.")
@click.option("--unit", help="Unit of the scale, such as µm.")
@click.option("--interval", type=_Interval(), help="Time between two frames, such as 300s or 5min.")
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


_SETTINGS = "; ".join(f"{group}: {', '.join(names)}" for group, names in GROUPS.items())


@_verbs.command(
    epilog=f"Settings by group, as in trainer.epochs=20: {_SETTINGS}. A group can also be chosen as a whole, as in "
    "experiment=paper-2d (paper-3d, paper-patch), embedding=resnet18 or logger=none."
)
@click.argument("data", nargs=-1, required=True)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder for the model.")
@click.option("--stage", type=click.Choice(STAGES), help="Only this stage.  [default: all in one go]")
@click.option("--features", help="Folder of stored features.  [default: OUTPUT/features, if a stage is given]")
@click.option("--images", help="Images, if they are not where a CTC sequence has them.")
@click.option("--masks", help="Full masks, if they are not where a CTC sequence has them.")
@click.option("--lineage", help="Folder of markers with man_track.txt, if it is elsewhere.")
@click.option("--scale", type=_Numbers(float, "Z,Y,X"), help="Size of a pixel: Z,Y,X or Y,X.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--from", "start", help="Improve this model: its name, file or folder.")
@click.option("--edits", multiple=True, help="Corrections to learn from, one file for each DATA, the tracked masks.")
@click.option("--limit", type=click.IntRange(min=2), help="Only the first frames of each sequence, for a quick look.")
@click.option("--debug", is_flag=True, help="One batch of every stage on a few frames: does it all work?")
@click.option("--multirun", is_flag=True, help="One run for each combination of settings such as epochs=10,20.")
@click.option("--resume", is_flag=True, help="Go on with the run in OUTPUT, or begin if there is none.")
@click.option("--overwrite", is_flag=True, help="Replace a former model.")
def train(data: tuple[str, ...], output: Path, overwrite: bool, **options: Any) -> None:
    """Train a model on DATA, CTC sequences such as Fluo-N2DL-HeLa/01, with settings given as key=value.

    DATA may also be a .csv or .parquet file of points with lineage, with the columns t,[z],y,x,id,parent.
    """
    if options["edits"] and not options["start"]:
        raise SettingsError("--edits improve a model; name it with --from, such as --from general")
    paths = [d for d in data if "=" not in d or Path(d).exists()]
    overrides = [d for d in data if d not in paths]
    if not paths:
        raise SettingsError("no training data were given; name at least one sequence such as Fluo-N2DL-HeLa/01")
    if len(paths) > 1 and any(options[name] for name in ("images", "masks", "lineage")):
        raise SettingsError("--images, --masks and --lineage belong to a single sequence; give one DATA with them")
    _require_training()
    from cell_tracker_gnn.training.configure import configure
    from cell_tracker_gnn.training.progress import EpochReport
    from cell_tracker_gnn.training.run import train as run_training
    from cell_tracker_gnn.training.tracker import is_first_process

    experiment = "fine-tuning" if options["start"] else "default"
    limit, debug, multirun = (options.pop(name) for name in ("limit", "debug", "multirun"))
    more = [f"limit={limit}"] if limit else []

    def run_one(settings: TrainSettings, folder: Path) -> Any:
        _check_model_folder(folder, overwrite or options["resume"], options["stage"])
        settings = settings.as_debug() if debug else settings
        with _Bar() as bar:
            return run_training(paths, folder, settings, report=bar, callbacks=[EpochReport(bar)], **options)

    if multirun:
        _sweep(overrides, output, run_one, experiment=experiment, always=more)
        return
    model = run_one(configure([*overrides, *more], experiment=experiment), output)
    if not is_first_process():
        return
    if model is None:
        click.echo(f"The stage {options['stage']} is done")
        return
    for name, value in model.card["scores"].items():
        click.echo(f"{name.replace('_', ' ')}: {value:.4f}")
    if "fine_tuning" in model.card:
        click.echo(_fine_tuning_sentence(model.card["fine_tuning"]))
    click.echo(f"Model in {output / 'model.safetensors'}")


def _sweep(overrides: list[str], output: Path, run: Callable[[TrainSettings, Path], Any], **more: Any) -> None:
    from cell_tracker_gnn.training.sweep import sweep

    def score(settings: TrainSettings, folder: Path) -> float:
        model = run(settings, folder)
        if model is None:
            raise SettingsError("--multirun compares finished models; leave --stage away")
        value = float(model.card["scores"]["average_precision"])
        click.echo(f"{folder}: average precision {value:.5f}")
        return value

    sweep(overrides, output, score, **more)


def _fine_tuning_sentence(told: dict[str, Any]) -> str:
    errors = f"{told['errors']['old']} wrong and missed links on the validation frames before, {told['errors']['new']}"
    if told["kept"] == "new":
        return f"improved: {errors} now"
    return f"the weights of {told['start']} are kept, because training made them no better: {errors} after it"


@_verbs.command()
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


@_verbs.command()
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


def _require_training() -> None:
    from importlib.util import find_spec

    needed = ("lightning", "pytorch_metric_learning", "hydra", "tensorboard")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise SettingsError(f"training needs {' and '.join(missing)}; run: pip install 'cell-tracker-gnn[train]'")


def _check_model_folder(output: Path, overwrite: bool, stage: str | None) -> None:
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; choose a folder for --output")
    made = {"embedding": "work/encoder.tensors", "features": None}.get(stage or "tracker", "model.safetensors")
    if made and (output / made).exists() and not overwrite:
        kind = "an encoder" if stage == "embedding" else "a model"
        raise OutputError(f"{output} holds {kind} already; choose another --output or add --overwrite")


@_verbs.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("ground_truth", type=click.Path(path_type=Path))
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write the scores to this file.")
def evaluate(result: Path, ground_truth: Path, json_file: Path | None) -> None:
    """Score RESULT, a CTC result folder, against GROUND_TRUTH, a folder such as 01_GT."""
    from cell_tracker_gnn.evaluation import evaluate as score
    from cell_tracker_gnn.evaluation import format_table
    from cell_tracker_gnn.io import write_json

    scores = score(result, ground_truth)
    from rich.console import Console

    Console().print(format_table(scores))
    if json_file is not None:
        write_json(scores, json_file)


@_verbs.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--images", help="The images.  [default: those that were tracked, if they are still there]")
@click.option("--ground-truth", help="A folder such as 01_GT, for scores and a list of errors.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The HTML file.")
def report(result: Path, output: Path, images: str | None, ground_truth: str | None) -> None:
    """Show RESULT in one HTML file: movie, lineages, doubts and errors, and corrections for `track --fixed`."""
    from cell_tracker_gnn.report.html import write_report

    with _Bar() as bar:
        write_report(result, output, images=images, ground_truth=ground_truth, progress=bar)
    click.echo(f"Report in {output}")


@_verbs.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--kind", default="nuclei", show_default=True, help="nuclei, nuclei3d, bacteria, epithelium or fast.")
@click.option("--frames", default=30, show_default=True, help="Number of frames.")
@click.option("--size", type=_Numbers(int, "Y,X"), help="Pixels of a frame: Y,X or Z,Y,X.")
@click.option("--cells", default=30, show_default=True, help="Mean number of cells per frame.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same movie.")
@click.option("--motion", default=1.0, show_default=True, help="Factor on the speed.")
@click.option("--division-rate", default=1.0, show_default=True, help="Factor on the number of divisions.")
@click.option("--death-rate", default=1.0, show_default=True, help="Factor on the number of deaths.")
@click.option("--variety", default=0.0, show_default=True, help="How much divisions differ, 0 to about 1.")
@click.option("--unrest", default=0.0, show_default=True, help="How much outlines change from frame to frame.")
@click.option("--drift", default=0.0, show_default=True, help="Speed of the stage in pixels per frame.")
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


@_verbs.command()
@click.option("--output", default="demo-result", show_default=True, type=click.Path(path_type=Path))
def demo(output: Path) -> None:
    """Simulate a small movie, track it with the bundled model, score it and show it."""
    from cell_tracker_gnn.demo import run_demo

    with _Bar() as bar:
        table = run_demo(output, progress=bar)
    from rich.console import Console

    Console().print(table)
    click.echo(f"Movie, result, scores.json, tracks.png and report.html in {output}")


class _Bar:
    """A rich progress display that shows stages as they begin; nothing where the output is not a terminal."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        share = TextColumn("{task.completed:.0f}/{task.total:.0f}")
        columns = (TextColumn("{task.description:>10}"), BarColumn(), share)
        console = Console(stderr=True)
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
