"""Groups of the configuration: YAML files and settings say the same, and words that are not known get the nearest."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.training.configure import CONF, choices, configure
from cell_tracker_gnn.training.record import CONFIG, check_record, write_record
from cell_tracker_gnn.training.settings import GROUPS, TrainSettings
from cell_tracker_gnn.training.sweep import sweep


def test_the_default_choices_are_the_defaults_of_the_settings() -> None:
    assert configure([]) == TrainSettings()
    for group, names in GROUPS.items():
        content = OmegaConf.to_container(OmegaConf.load(CONF / group / "default.yaml"))
        assert content == {key: getattr(TrainSettings(), name) for key, name in names.items()}


@pytest.mark.parametrize(("group", "choice"), [(g, c) for g, found in choices().items() for c in found if g != "sweep"])
def test_every_choice_of_every_group_is_valid(group: str, choice: str) -> None:
    assert isinstance(configure([f"{group}={choice}"]), TrainSettings)


def test_the_paper_is_what_was_published() -> None:
    flat, volume, patch = (configure([f"experiment=paper-{kind}"]) for kind in ("2d", "3d", "patch"))
    assert flat == volume
    assert (flat.preset, flat.shortest, flat.longest, flat.stride, flat.max_gap) == ("paper", 10, 10, 1, 0)
    assert (flat.learning_rate, flat.weight_decay, flat.encoder_kind, flat.embedding_dim) == (
        1e-3,
        1e-5,
        "resnet18",
        128,
    )
    assert (flat.scaled_by, flat.crop_mode, patch.crop_mode) == ("min-max", "padded", "patch")


def test_values_count_more_than_groups_and_a_switch_is_no_choice() -> None:
    settings = configure(["embedding=no", "experiment=paper-2d", "tracker.width=24", "logger=none"])
    assert (settings.embedding, settings.preset, settings.width, settings.loggers) == (False, "paper", 24, "none")
    assert configure([], experiment="fine-tuning").learning_rate < TrainSettings().learning_rate


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("experiment=paper2d", "paper-2d"),
        ("experimnt=paper-2d", "experiment"),
        ("trainer.epoch=3", "trainer.epochs"),
        ("epochs", "key=value"),
        ("embedding=resnet19", "resnet18"),
        ("sweep=optuna", "--multirun"),
        ("callbacks.scores_every=-1", "0 or more"),
    ],
)
def test_a_wrong_word_is_one_sentence(text: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        configure([text])


def test_every_combination_is_run_and_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    seen: list[tuple[int, float, str, int]] = []

    def run(settings: TrainSettings, folder: Path) -> float:
        seen.append((settings.epochs, settings.learning_rate, folder.name, settings.limit))
        if settings.epochs == 3:
            raise InputError("three is too many")
        return 1.0

    lists = ["epochs=2,3", "trainer.learning_rate=1e-3,2e-3"]
    with pytest.raises(InputError, match="three"):
        sweep(lists, tmp_path, run, always=["limit=7"])
    assert seen == [(2, 1e-3, "0", 7), (2, 2e-3, "1", 7), (3, 1e-3, "2", 7), (3, 2e-3, "3", 7)]
    with pytest.raises(SettingsError, match=r"epochs"):
        sweep(["epoch=2,3"], tmp_path, run)
    with pytest.raises(SettingsError, match="1 or more"):
        sweep(["epochs=2,0"], tmp_path, run)
    assert len(seen) == 4


def test_a_run_that_goes_on_must_be_the_same(tmp_path: Path) -> None:
    settings, made_of = TrainSettings(), {"data": ["a/01"], "stage": None, "start": None}
    check_record(tmp_path, settings, made_of)
    write_record(tmp_path, settings, made_of)
    check_record(tmp_path, TrainSettings(loggers="none"), made_of)
    with pytest.raises(SettingsError, match=r"trainer\.epochs=20"):
        check_record(tmp_path, TrainSettings(epochs=3), made_of)
    with pytest.raises(SettingsError, match=r"run\.data"):
        check_record(tmp_path, settings, made_of | {"data": ["b/01"]})
    (tmp_path / CONFIG).write_text("[1, 2")
    with pytest.raises(SettingsError, match="cannot be read"):
        check_record(tmp_path, settings, made_of)
