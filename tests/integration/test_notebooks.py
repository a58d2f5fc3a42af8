"""The notebooks are what their scripts say, and the scripts run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scripts import DOCS, load_script

NOTEBOOKS = DOCS / "notebooks"


def pairing() -> ModuleType:
    return load_script(NOTEBOOKS / "pairing.py")


@pytest.mark.parametrize("name", ["first_movie", "train"])
def test_notebook_agrees_with_its_script(name: str) -> None:
    paired = (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")
    assert paired == pairing().notebook((NOTEBOOKS / f"{name}.py").read_text("utf-8")), "run docs/notebooks/pairing.py"
    content = json.loads(paired)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert len(code) == 10
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in code:
        compile("".join(cell["source"]), name, "exec")


def test_cells_of_a_script_become_cells_of_a_notebook() -> None:
    made = json.loads(pairing().notebook("# %% [markdown]\n# # Title\n#\n# text\n\n# %%\na = 1\n\nb = a\n"))
    assert [cell["cell_type"] for cell in made["cells"]] == ["markdown", "code"]
    assert made["cells"][0]["source"] == ["# Title\n", "\n", "text"]
    assert made["cells"][1]["source"] == ["a = 1\n", "\n", "b = a"]


def test_every_notebook_is_tested() -> None:
    assert [path.stem for path in pairing().scripts()] == ["first_movie", "train"]
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == ["first_movie", "train"]


def _run(name: str, folder: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(folder / "matplotlib")}
    line = [sys.executable, str(NOTEBOOKS / f"{name}.py")]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_movie_runs(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    _run("first_movie", tmp_path)
    made = tmp_path / "first-movie"
    assert {path.name for path in made.glob("*.png")} == {"masks.png", "measurements.png", "tree.png"}
    assert (made / "result" / "tracks.csv").is_file()


@pytest.mark.slow
def test_the_training_runs(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plots")
    _run("train", tmp_path)
    made = tmp_path / "train-model"
    assert (made / "comparison.png").is_file()
    assert (made / "my-model" / "model.safetensors").is_file()
