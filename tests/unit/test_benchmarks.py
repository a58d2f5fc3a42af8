"""Every benchmark still fits the package: a script that nobody ran lately would else break unseen."""

import importlib
from pathlib import Path

import pytest

SCRIPTS = sorted(path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_find_what_they_import(name: str) -> None:
    assert importlib.import_module(name).__doc__
