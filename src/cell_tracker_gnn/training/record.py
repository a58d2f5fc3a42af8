"""The resolved configuration of a run beside what it makes, and whether a run that goes on is the same one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cell_tracker_gnn.errors import OutputError, SettingsError
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.training.settings import TrainSettings

__all__ = ["CONFIG", "check_record", "write_record"]

CONFIG = "config.yaml"
"""Name of the file with the resolved configuration in the folder of a run."""

FREE = ("logger", "callbacks")
"""Groups that change nothing about the weights."""


def write_record(folder: Path, settings: TrainSettings, made_of: Mapping[str, Any]) -> None:
    """Write the settings by their groups, and what else the run is made of.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    content = {**settings.as_groups(), "run": {"version": version("cell-tracker-gnn"), **made_of}}
    try:
        with new_file(folder / CONFIG) as temporary:
            temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(content)), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror}); choose another --output") from error


def check_record(folder: Path, settings: TrainSettings, made_of: Mapping[str, Any]) -> None:
    """Refuse to go on with a run of other settings or data; a folder without a run is fine.

    Raises
    ------
    SettingsError
        If something differs; the message names it.
    """
    path = folder / CONFIG
    if not path.is_file():
        return
    try:
        found: Any = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8")))
        old = {str(key): dict(value) for key, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, YAMLError, OmegaConfBaseException) as error:
        raise SettingsError(f"{path} cannot be read ({error}); train into another --output") from error
    new = {**settings.as_groups(), "run": {"version": version("cell-tracker-gnn"), **made_of}}
    changed = [
        f"{group}.{key}={old.get(group, {}).get(key)}"
        for group, values in new.items()
        for key, value in values.items()
        if group not in FREE and old.get(group, {}).get(key) != value
    ]
    if changed:
        raise SettingsError(
            f"the run in {folder} was begun with {', '.join(changed)}; give the same to go on with it, or train "
            "into another --output"
        )
