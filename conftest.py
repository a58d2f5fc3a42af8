"""Examples in docstrings run in an empty folder, so that they can be copied as they are."""

from pathlib import Path

import pytest

collect_ignore_glob = ["src/cell_tracker_gnn/napari/*"]
"""Importing napari warns, which its own tests allow; the plugin has no names to call."""


@pytest.fixture(autouse=True)
def _examples_in_a_folder_of_their_own(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        folder: Path = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
