"""Where the scores of a training go, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch import loggers
from lightning.pytorch.loggers import Logger

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.training.settings import suggest

__all__ = ["LOGGERS", "check_loggers", "make_loggers"]

_Make = Callable[[Path, str], Logger]

LOGGERS: dict[str, tuple[str, _Make]] = {
    "csv": ("lightning", lambda folder, run: loggers.CSVLogger(folder, name="", version=run)),
    "tensorboard": ("tensorboard", lambda folder, run: loggers.TensorBoardLogger(folder, name="", version=run)),
    "wandb": ("wandb", lambda folder, run: loggers.WandbLogger(name=f"{folder.parent.name}-{run}", save_dir=folder)),
    "mlflow": ("mlflow", lambda folder, run: loggers.MLFlowLogger(run_name=run, save_dir=str(folder / "mlruns"))),
    "comet": ("comet_ml", lambda folder, run: loggers.CometLogger(name=run)),
}
"""For each name the package that it needs, and how it is made from the folder of the logs and the name of the run."""


def check_loggers(names: str) -> list[str]:
    """The names, one by one.

    Raises
    ------
    SettingsError
        If a name is unknown or its package is not installed.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip() not in ("", "none")]
    for name in wanted:
        if name not in LOGGERS:
            raise SettingsError(f"the logger {name!r} is unknown; {suggest(name, [*LOGGERS, 'none'])}")
        if find_spec(LOGGERS[name][0]) is None:
            raise SettingsError(f"the logger {name} needs {LOGGERS[name][0]}; run: pip install {LOGGERS[name][0]}")
    return wanted


def make_loggers(names: str, folder: Path) -> list[Logger]:
    """Loggers of these names, separated by commas, that write into a new folder below ``folder``.

    Parameters
    ----------
    names
        Such as ``"csv,tensorboard"``, or ``"none"``.
    folder
        Folder of all logs; a run that is resumed gets the next number there.

    Raises
    ------
    SettingsError
        If a name is unknown or its package is not installed.
    """
    wanted = check_loggers(names)
    run = f"run-{1 + len(list(folder.glob('run-*')))}"
    return [LOGGERS[name][1](folder, run) for name in wanted]
