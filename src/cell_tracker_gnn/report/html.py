"""The report: one HTML file that needs no network."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from cell_tracker_gnn.errors import OutputError
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.report.content import Scores, describe
from cell_tracker_gnn.report.images import find_images
from cell_tracker_gnn.report.pictures import Pictures, shrink_images
from cell_tracker_gnn.report.result import read_shown

__all__ = ["check_report", "write_report"]

SCRIPTS: tuple[str, ...] = (
    "arrays", "movie", "edits", "pictures", "view", "player", "forest", "series", "tables", "inspector", "main",
)  # fmt: skip
"""The parts of the page's script, in the order they depend on each other."""

_MARK = "<!-- a report of cell-tracker-gnn -->"

Progress = Callable[[str, int, int], None]


def check_report(output: str | PathLike[str], inputs: tuple[Path, ...] = ()) -> None:
    """Find out before any work whether a report may be written; nothing is changed.

    Raises
    ------
    OutputError
        If ``output`` is a folder or a file that is no report, or lies where nothing can be written.
    """
    path = Path(output).expanduser()
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file for the report, such as {path / 'report.html'}")
    if path.exists() and not _is_report(path):
        raise OutputError(f"{path} is not a former report, so it is left alone; give another name")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} of the report does not exist; make it first")
    if any(source.is_dir() and source.resolve() in path.resolve().parents for source in inputs):
        raise OutputError(f"{path} lies inside an input; give a place outside of it")


def write_report(
    result: str | PathLike[str],
    output: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    ground_truth: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the report of a result: a page with everything inside that opens in any browser.

    Parameters
    ----------
    result
        Folder that ``track`` wrote, or a plain CTC result.
    output
        The HTML file; a former report is replaced.
    images
        The images that were tracked; left out, those that ``run.json`` names are taken if they are still there.
    ground_truth
        Folder such as ``01_GT``, for scores and a list of errors.
    progress
        Called with the stage, how much of it is done and how much there is.

    Raises
    ------
    InputError
        If the result, the images or the truth cannot be used.
    OutputError
        If the file cannot be written.
    """
    report = progress or (lambda stage, done, total: None)
    path, folder = Path(output).expanduser(), Path(result).expanduser()
    check_report(path)
    shown = read_shown(folder, lambda done, total: report("outlines", done, total))
    opened = find_images(shown.run, shown.numbers, shown.shape, images)
    pictures = None if opened is None else shrink_images(opened, progress=lambda *part: report("images", *part))
    scores: Scores = {}
    mistakes = []
    if ground_truth is not None:
        from cell_tracker_gnn.evaluation.mistakes import list_mistakes
        from cell_tracker_gnn.evaluation.reading import compare
        from cell_tracker_gnn.evaluation.scores import score

        comparison = compare(folder, Path(ground_truth).expanduser())
        scores, mistakes = score(comparison), list_mistakes(comparison)
    plane = None if opened is None else (opened.shape[-2], opened.shape[-1])
    content = describe(shown, folder.resolve().name, plane, mistakes, scores)
    content["slice_pictures"] = bool(pictures and pictures.slices and pictures.slices[0])
    content["pictures"] = pictures is not None
    try:
        with new_file(path) as temporary, temporary.open("w", encoding="utf-8") as page:
            page.writelines(_assemble(content, pictures))
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); choose another place") from error


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(200)
    except OSError:
        return False


def _assemble(content: dict[str, Any], pictures: Pictures | None) -> Iterator[str]:
    """The page piece by piece; text of the result cannot end a script early or become part of the page."""
    parts = files("cell_tracker_gnn.report") / "page"
    pieces = {
        "title": html.escape(content["title"]),
        "mark": _MARK,
        "style": (parts / "page.css").read_text("utf-8"),
        "script": "\n".join((parts / f"{name}.js").read_text("utf-8") for name in SCRIPTS),
        "content": json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    for piece in re.split(r"(\{\{\w+\}\})", (parts / "page.html").read_text("utf-8")):
        if piece == "{{pictures}}":
            yield from _picture_tags(pictures)
        else:
            yield pieces[piece[2:-2]] if re.fullmatch(r"\{\{\w+\}\}", piece) else piece


def _picture_tags(pictures: Pictures | None) -> Iterator[str]:
    """A script element that is never run for each picture: text that the page decodes when it is needed."""
    if pictures is None:
        return
    for index, (frame, slices) in enumerate(zip(pictures.frames, pictures.slices, strict=True)):
        for name, picture in [(f"{index}", frame), *((f"{index}-{z}", plane) for z, plane in enumerate(slices))]:
            yield f'<script type="text/plain" id="picture-{name}">{base64.b64encode(picture).decode()}</script>\n'
