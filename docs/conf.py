"""The site: ``make docs`` builds it into ``build/docs``, any warning being an error; nothing is fetched."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "cell-tracker-gnn"
author = "the cell-tracker-gnn developers"
copyright = author  # noqa: A001
release = version = version_of("cell-tracker-gnn")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["notebooks/*.ipynb"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"
highlight_language = "none"

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("Floats", "Integers", "Flags", "ArrayLike", "Source", "PointSource")}
napoleon_attr_annotations = False
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "cell-tracker-gnn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}


def _results_are_pages(app: Sphinx, page: str, text: list[str]) -> None:
    """Tables outside of this folder are pages of the site; on disk the links lead to the files."""
    text[0] = text[0].replace("../benchmarks/results/", "results/")


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("source-read", _results_are_pages)
