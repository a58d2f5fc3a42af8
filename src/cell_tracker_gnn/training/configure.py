"""The groups of the configuration, composed by Hydra, to settings."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.training.settings import GROUPS, WORDS, TrainSettings, find_setting, suggest

__all__ = ["CONF", "choices", "configure", "from_config", "group_choices"]

CONF = Path(str(files("cell_tracker_gnn.training") / "conf"))
"""Folder of the groups, one folder each with a file per choice."""


SWITCHES: tuple[str, ...] = ("embedding",)
"""Names of groups that are also settings which are on or off."""


def choices() -> dict[str, list[str]]:
    """Names of the choices of every group."""
    folders = sorted(folder for folder in CONF.iterdir() if folder.is_dir())
    return {folder.name: sorted(path.stem for path in folder.glob("*.yaml")) for folder in folders}


def group_choices(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """Texts that choose from a group, such as ``experiment=paper-2d``, and texts that set a value.

    Raises
    ------
    SettingsError
        If a text is neither.
    """
    known = choices()
    chosen, values = [], []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"{text!r} is no setting of the training; write key=value")
        # embedding=no is a value; embedding=none a choice.
        if key not in known or (key in SWITCHES and value.lower() in WORDS):
            values.append(f"{find_setting(key, known)}={value}")
        elif value in known[key]:
            chosen.append(text)
        else:
            raise SettingsError(f"the group {key} has no choice {value!r}; {suggest(value, known[key])}")
    return chosen, values


def configure(overrides: Iterable[str], *, experiment: str = "default") -> TrainSettings:
    """Settings from groups and values given as ``key=value``; values count more than groups.

    Parameters
    ----------
    overrides
        Choices of groups (``experiment=paper-2d``, ``logger=none``) and values (``trainer.epochs=20``, ``epochs=20``).
    experiment
        The experiment where none is chosen.

    Raises
    ------
    SettingsError
        If a key or a choice is unknown, or a value of the wrong type or out of range.
    """
    chosen, values = group_choices(overrides)
    if not any(text.startswith("experiment=") for text in chosen):
        chosen.append(f"experiment={experiment}")
    if any(text.startswith("sweep=") for text in chosen):
        raise SettingsError("sweep=... needs --multirun")
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3", job_name="train"):
            config = compose("train", overrides=chosen)
    except (HydraException, OmegaConfBaseException) as error:
        raise SettingsError(f"the groups {' '.join(chosen)} cannot be composed: {error}") from error
    return from_config(config, values)


def from_config(config: DictConfig, overrides: Iterable[str] = ()) -> TrainSettings:
    """Settings from a composed configuration, changed by ``key=value`` texts.

    Raises
    ------
    SettingsError
        If a value is of the wrong type or out of range.
    """
    groups: Any = OmegaConf.to_container(config, resolve=True)
    texts = {name: str(groups[group][key]) for group, names in GROUPS.items() for key, name in names.items()}
    for text in overrides:
        key, _, value = text.partition("=")
        texts[find_setting(key)] = value
    return TrainSettings.from_texts(texts)
