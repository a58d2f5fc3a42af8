"""Training from annotated sequences to a model file, in stages that can be run one by one or go on after a kill."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from cell_tracker_gnn.embedding.device import choose_device
from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.io.paths import PathText
from cell_tracker_gnn.model.paper import PaperNetwork
from cell_tracker_gnn.model.weights import Model, load_model
from cell_tracker_gnn.pipeline import Progress
from cell_tracker_gnn.training.edited import open_edited, prepare_edited
from cell_tracker_gnn.training.encoder import ENCODER
from cell_tracker_gnn.training.fitting import check_fit, fit_model, work_folder
from cell_tracker_gnn.training.prepare import confine_sequence, open_sequence
from cell_tracker_gnn.training.record import check_record, write_record
from cell_tracker_gnn.training.settings import STAGES, TrainSettings
from cell_tracker_gnn.training.stages import Stages
from cell_tracker_gnn.training.store import FeatureStore
from cell_tracker_gnn.training.tracker import is_first_process
from cell_tracker_gnn.training.variants import TrainingSequence

__all__ = ["train"]


_log = logging.getLogger(__name__)


def train(
    data: Sequence[PathText],
    output: PathText,
    settings: TrainSettings = TrainSettings(),
    *,
    stage: str | None = None,
    features: PathText | None = None,
    images: PathText | None = None,
    masks: PathText | None = None,
    lineage: PathText | None = None,
    scale: Sequence[float] | None = None,
    device: str = "auto",
    start: PathText | None = None,
    edits: Sequence[PathText] = (),
    resume: bool = False,
    report: Progress | None = None,
    callbacks: Sequence[Callback] = (),
) -> Model | None:
    """Train a model on annotated sequences and write ``OUTPUT/model.safetensors``.

    Parameters
    ----------
    data
        CTC sequences such as ``Fluo-N2DL-HeLa/01``, or tables of points with lineage.
    output
        Folder of the model; the encoder and the checkpoints go into its folder ``work``, scores and pictures into
        ``logs``, the resolved settings into ``config.yaml``.
    settings
        Settings of the training.
    stage
        Only this stage: ``"embedding"`` trains the encoder, ``"features"`` measures and embeds the cells and stores
        them, ``"tracker"`` trains the network on what is stored. All in one go when left out.
    features
        Folder of the stored features, see :mod:`~cell_tracker_gnn.training.store`; ``OUTPUT/features`` for a single
        stage when left out, while a whole run then stores nothing.
    images, masks, lineage
        Other places of the parts of a single sequence.
    scale
        Size of a pixel along (z, y, x) or (y, x), for all sequences.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    start
        Name or file of a model to improve. Its encoder stays as it is, and so do its weights if those found are worse
        on the validation frames.
    edits
        Corrections of ``data``, one file for each, which are then the masks that were tracked; only together with
        ``start``.
    resume
        Go on with the run in ``output``, or begin if there is none: what is finished is not done again, and the weights
        are those of a run that was never interrupted (on a CPU, bit for bit).
    report
        Called with the stage, how much of it is done and how much there is.
    callbacks
        Further Lightning callbacks for the tracker's training.

    Returns
    -------
    Model or None
        None after the stages before the tracker.

    Raises
    ------
    InputError
        If a sequence cannot be used, or what an earlier stage makes is missing or stale.
    SettingsError
        If the stage is unknown, the encoder of an earlier stage was trained with other settings, or the run to go on
        with has other settings or data.
    OutputError
        If the folder cannot be written.
    """
    report = report or (lambda stage, done, total: None)
    _check_request(data, stage, start, edits)
    check_fit(settings, len(data))
    place, folder = choose_device(device), Path(output)
    begun = load_model(str(start)) if start is not None else None
    if begun is not None:
        settings = replace(settings, preset="paper" if isinstance(begun.network, PaperNetwork) else "default")
    made_of = _made_of(data, stage, begun, edits)
    if resume:
        check_record(folder, settings, made_of)
        if (folder / "model.safetensors").is_file():
            _log.warning("the run in %s is finished already", folder)
            return load_model(folder)
    # The processes beside the first one read what it has made.
    goes_on = resume or not is_first_process()
    begin = partial(_begin, folder, settings, made_of, fresh=not goes_on)
    fit = partial(
        fit_model, output=folder, settings=settings, device=place, callbacks=callbacks, start=begun, resume=goes_on
    )
    if begun is not None and edits:
        movies = [open_edited(*pair, images=images, scale=scale) for pair in zip(data, edits, strict=True)]
        begin()
        found = [[prepare_edited(one, begun, max_gap=settings.max_gap, device=place)] for one in movies]
        return fit(found, encoder=begun.encoder, only_last=True)
    sequences = [
        confine_sequence(open_sequence(d, images=images, masks=masks, lineage=lineage, scale=scale), settings)
        for d in data
    ]
    store = None if stage is None and features is None else FeatureStore(Path(features or folder / "features"))
    if store is not None:
        _check_names(sequences)
    begin()
    stages = Stages(sequences, settings, place, folder, stage=stage, store=store, report=report)
    return stages.run(begun, fit, goes_on=goes_on)


def _check_request(
    data: Sequence[PathText], stage: str | None, start: PathText | None, edits: Sequence[PathText]
) -> None:
    if stage not in (None, *STAGES):
        raise SettingsError(f"the stage {stage!r} is unknown; choose one of {', '.join(STAGES)}")
    if edits and (start is None or len(edits) != len(data) or stage is not None):
        raise SettingsError("edits need --from, no --stage, and one DATA, the masks that were tracked, for each")


def _made_of(
    data: Sequence[PathText], stage: str | None, begun: Model | None, edits: Sequence[PathText]
) -> dict[str, object]:
    """What a run that goes on must share with the one that was begun, beside the settings."""
    return {
        "data": [str(one) for one in data],
        "stage": stage,
        "start": begun and begun.sha256,
        "edits": [str(one) for one in edits],
    }


def _begin(folder: Path, settings: TrainSettings, made_of: Mapping[str, object], *, fresh: bool) -> None:
    """Make the folder, record the configuration and, for a fresh run of all stages, forget what a former one made."""
    work = work_folder(folder)
    if is_first_process():
        write_record(folder, settings, made_of)
    if fresh and made_of["stage"] is None:
        (work / ENCODER).unlink(missing_ok=True)


def _check_names(sequences: Sequence[TrainingSequence]) -> None:
    """The store tells sequences apart by their names."""
    names = [sequence.name for sequence in sequences]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two sequences are called {', '.join(twice)}; rename a folder, as features are kept by name")
