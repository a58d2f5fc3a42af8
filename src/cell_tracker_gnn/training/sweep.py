"""Many trainings with different settings, started by Hydra: all combinations of lists, or a search by Optuna."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cell_tracker_gnn.errors import CellTrackerError, SettingsError
from cell_tracker_gnn.training.configure import CONF, from_config, group_choices
from cell_tracker_gnn.training.settings import GROUPS, TrainSettings, find_setting

__all__ = ["sweep"]

SWEEPERS = "(["
"""Texts with one of these are ranges or choices of a sweeper, which checks them itself."""


def sweep(
    overrides: Sequence[str],
    output: Path,
    run: Callable[[TrainSettings, Path], float],
    *,
    experiment: str = "default",
    always: Sequence[str] = (),
) -> None:
    """Run a training for each combination of settings, into ``OUTPUT/0``, ``OUTPUT/1``, ...

    Parameters
    ----------
    overrides
        As for :func:`~cell_tracker_gnn.training.configure.configure`, with lists such as
        ``trainer.learning_rate=1e-3,2e-3``; ``sweep=optuna`` searches, and other ``hydra...`` keys go to Hydra.
    output
        Folder of all runs.
    run
        Trains with the settings into a folder and returns the score.
    experiment
        The experiment where none is chosen.
    always
        Values for every run.

    Raises
    ------
    SettingsError
        If a setting is unknown or one of the listed values is out of range, or Optuna is wanted but not installed.
    CellTrackerError
        The first error of a run, after all of them.
    """
    own = [text for text in overrides if not text.startswith("hydra")]
    chosen, values = group_choices(own)
    for text in values:
        key, _, listed = text.partition("=")
        if not any(sign in listed for sign in SWEEPERS):
            for value in listed.split(","):
                TrainSettings.from_texts({key: value})
    if "sweep=optuna" in chosen and find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
        raise SettingsError("sweep=optuna needs Optuna; run: pip install 'cell-tracker-gnn[sweep]'")
    if not any(text.startswith("experiment=") for text in chosen):
        chosen.append(f"experiment={experiment}")

    failed: list[CellTrackerError] = []

    def job(config: DictConfig) -> float:
        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            return run(from_config(config, always), folder)
        except CellTrackerError as error:
            # The others may still work; Optuna knows this number as a trial that failed.
            failed.append(error)
            return float("nan")

    given = [text for text in overrides if text.startswith("hydra")]
    arguments = ["--multirun", f"hydra.sweep.dir={output.resolve()}", *chosen, *map(_grouped, values), *given]
    GlobalHydra.instance().clear()
    with _arguments(arguments):
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")(job)()
    if failed:
        raise failed[0]


def _grouped(text: str) -> str:
    """The setting under its name in its group."""
    key, _, value = text.partition("=")
    name = find_setting(key)
    group, inner = next((g, k) for g, names in GROUPS.items() for k, n in names.items() if n == name)
    return f"{group}.{inner}={value}"


@contextmanager
def _arguments(arguments: Sequence[str]) -> Iterator[None]:
    """Hydra reads the command line."""
    before = sys.argv
    sys.argv = ["train", *arguments]
    try:
        yield
    finally:
        sys.argv = before
