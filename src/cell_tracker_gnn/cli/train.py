"""``train``: annotated movies or corrections to a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cell_tracker_gnn.cli.options import device_option, scale_option
from cell_tracker_gnn.cli.progress import Bar
from cell_tracker_gnn.cli.verbs import verbs
from cell_tracker_gnn.errors import OutputError, SettingsError
from cell_tracker_gnn.training.settings import GROUPS, STAGES, TrainSettings

__all__ = ["train"]

_SETTINGS = "; ".join(f"{group}: {', '.join(names)}" for group, names in GROUPS.items())


class _WithSettings(click.Command):
    """Says how a setting is given that was typed as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments that are left."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name.lstrip("-").replace("-", "_")
            if any(name in names for names in GROUPS.values()):
                raise click.UsageError(
                    f"{error.option_name} is a setting, not an option; give it as {name}=..."
                ) from error
            raise


@verbs.command(
    cls=_WithSettings,
    epilog=f"Settings by group, as in trainer.epochs=20: {_SETTINGS}. A group can also be chosen as a whole, as in "
    "experiment=paper-2d (paper-3d, paper-patch), embedding=resnet18 or logger=none.",
)
@click.argument("data", nargs=-1, required=True)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder for the model.")
@click.option("--stage", type=click.Choice(STAGES), help="Only this stage.  [default: all in one go]")
@click.option("--features", help="Folder of stored features.  [default: OUTPUT/features, if a stage is given]")
@click.option("--images", help="Images, if they are not where a CTC sequence has them.")
@click.option("--masks", help="Full masks, if they are not where a CTC sequence has them.")
@click.option("--lineage", help="Folder of markers with man_track.txt, if it is elsewhere.")
@scale_option
@device_option
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
        with Bar() as bar:
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
    for line in _score_lines(model.card["scores"]):
        click.echo(line)
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


def _score_lines(scores: dict[str, float]) -> list[str]:
    """The scores of the tracker; those of the embedding, which only say something beside others, stay in the card."""
    lines = []
    if "average_precision" in scores:
        lines.append(
            f"average precision of the links on validation frames: {scores['average_precision']:.4f} (1 is best)"
        )
    if "validation_link_errors" in scores:
        lines.append(
            f"wrong and missed links there after tracking: {scores['validation_link_errors']:.2%} of the true ones"
        )
    return lines


def _fine_tuning_sentence(told: dict[str, Any]) -> str:
    old, new = told["errors"]["old"], told["errors"]["new"]
    errors = f"{old} wrong and missed links on the validation frames before, {new}"
    if told["kept"] == "new":
        return f"improved: {errors} now" + (", but surer of the right ones" if new == old else "")
    return f"the weights of {told['start']} are kept, because training made them no better: {errors} after it"


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
