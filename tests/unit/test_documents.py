"""What the documents say about the source is so."""

import re
import tomllib
from types import ModuleType

from scripts import DOCS, load_script

ROOT = DOCS.parent


def drawing() -> ModuleType:
    return load_script(DOCS / "diagram.py")


def test_the_diagram_shows_the_import_contract() -> None:
    diagram = drawing()
    assert (DOCS / "figures" / "architecture.svg").read_text("utf-8") == diagram.diagram(diagram.layers()), (
        "run docs/diagram.py"
    )


def test_every_part_of_the_package_is_in_the_contract_and_described() -> None:
    package = ROOT / "src" / "cell_tracker_gnn"
    parts = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    parts.discard("__init__")
    named = {name for row in drawing().layers() for name in row}
    assert named == parts
    described = set(re.findall(r"^\| `(\w+)` \|", (DOCS / "architecture.md").read_text("utf-8"), re.MULTILINE))
    assert described == parts


def test_local_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("**/*.md")):
        for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
