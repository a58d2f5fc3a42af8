"""Every public name of the documented modules says what it is and shows an example that runs with the tests."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MODULES = (
    "cell_tracker_gnn",
    "cell_tracker_gnn.data",
    "cell_tracker_gnn.evaluation",
    "cell_tracker_gnn.io",
    "cell_tracker_gnn.io.edits",
    "cell_tracker_gnn.io.graphs",
    "cell_tracker_gnn.linking",
    "cell_tracker_gnn.measurement",
    "cell_tracker_gnn.plots",
    "cell_tracker_gnn.segmentation",
    "cell_tracker_gnn.simulation",
)
TYPES = {"Columns", "Floats", "Frames", "Integers", "PointSource", "Source"}
"""Names that stand in signatures only."""


def documented() -> dict[str, Any]:
    """The public classes and functions by their full names."""
    names = {f"{module}.{name}": getattr(import_module(module), name) for module in MODULES for name in _public(module)}
    return {name: found for name, found in names.items() if callable(found) and name.rpartition(".")[2] not in TYPES}


def _public(module: str) -> list[str]:
    return list(import_module(module).__all__)


def test_every_public_name_has_an_example() -> None:
    lacking = [name for name, found in documented().items() if ">>> " not in (inspect.getdoc(found) or "")]
    assert not lacking


def test_the_reference_lists_every_documented_module() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    # The names at the top of the package are those of other modules.
    assert set(MODULES) - {"cell_tracker_gnn"} <= set(re.findall(r"automodule:: (\S+)", pages))


@pytest.mark.parametrize("name", sorted(name for name, found in documented().items() if inspect.isfunction(found)))
def test_every_argument_is_described(name: str) -> None:
    found = documented()[name]
    words = set(re.findall(r"\w+", inspect.getdoc(found) or ""))
    assert set(inspect.signature(found).parameters) <= words
