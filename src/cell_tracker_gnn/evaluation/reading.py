"""Reading a result folder and a truth folder of the challenge into a :class:`Comparison`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, WrappedFrames
from cell_tracker_gnn.errors import FrameMismatchError, InputError, MissingInputError
from cell_tracker_gnn.evaluation.comparison import Comparison
from cell_tracker_gnn.evaluation.folders import check_result_folder
from cell_tracker_gnn.evaluation.lineage import CheckedLineage
from cell_tracker_gnn.evaluation.matching import FrameMatch, match_discs, match_frame
from cell_tracker_gnn.io import open_movie, read_lineage_table

__all__ = ["compare"]

Item = TypeVar("Item")

_OUTLINE_NAME = re.compile(r"man_seg_?(\d+)(?:_(\d+))?\.tiff?")
_MOST_NAMED = 5


@dataclass(frozen=True)
class _Outline:
    """A file of full outlines: of a whole frame, or of one slice of a 3D frame."""

    path: Path
    frame: int
    slice: int | None


def compare(result: Path, ground_truth: Path) -> Comparison:
    """Read both folders and match the cells of every frame.

    The discs of a result of points match by :func:`~cell_tracker_gnn.evaluation.matching.match_discs`.

    Parameters
    ----------
    result
        Folder of ``maskNNN.tif`` and ``res_track.txt``.
    ground_truth
        Folder ``01_GT`` with the folder ``TRA`` and, where there is one, ``SEG``; ``01_GT/TRA`` does as well.

    Raises
    ------
    MissingInputError
        If a folder, the masks or a lineage table is missing.
    FrameMismatchError
        If both do not have the same frames or the frames are not of the same shape.
    InputError
        If a lineage table and its masks contradict each other.
    """
    truth_folder = _truth_folder(ground_truth)
    truth_path, result_path = truth_folder / "man_track.txt", _result_table(result)
    truth_table, result_table = read_lineage_table(truth_path), read_lineage_table(result_path)
    # No measure depends on the scale, so none is asked for.
    markers, masks = (open_movie(folder, scale=(1.0, 1.0, 1.0)).masks for folder in (truth_folder, result))
    of_points = _is_of_points(result)
    match = match_discs if of_points else match_frame
    if of_points:
        # Discs are drawn where there are points, whatever the size of the images.
        masks = PaddedFrames(masks, markers.shape)
    _check_frames(masks, markers, result, truth_folder)
    numbers = markers.numbers
    matches = _in_threads(lambda index: match(markers[index], masks[index]), range(len(numbers)))
    return Comparison(
        CheckedLineage.from_table(truth_table, numbers, [match.truth_labels for match in matches], truth_path),
        CheckedLineage.from_table(result_table, numbers, [match.result_labels for match in matches], result_path),
        matches,
        _in_threads(lambda outline: _match_outline(outline, masks), _outlines(truth_folder.parent / "SEG", numbers)),
    )


@dataclass(frozen=True, eq=False)
class PaddedFrames(WrappedFrames):
    """Frames enlarged by background at the ends of their axes, as far as they are smaller than a shape."""

    least: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        own = self.frames.shape
        return tuple(map(max, own, self.least)) if len(own) == len(self.least) else own

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        frame = self.frames[index]
        return np.pad(frame, [(0, new - old) for new, old in zip(self.shape, frame.shape, strict=True)])


def _is_of_points(result: Path) -> bool:
    """Whether the masks of a result are discs that ``track --draw`` drew around points."""
    try:
        return "discs" in json.loads((result / "run.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _result_table(result: Path) -> Path:
    check_result_folder(result)
    table = result / "res_track.txt"
    if not table.is_file():
        raise MissingInputError(f"{result} has no res_track.txt; give a result with maskNNN.tif and res_track.txt")
    return table


def _truth_folder(ground_truth: Path) -> Path:
    """Find the folder of the markers and their lineage table, whichever of the folders of a sequence was given."""
    for folder in (ground_truth, ground_truth / "TRA"):
        if (folder / "man_track.txt").is_file():
            return folder
    beside = ground_truth.with_name(f"{ground_truth.name}_GT")
    if beside.is_dir():
        raise MissingInputError(f"{ground_truth} is not the folder of the truth; give {beside} instead")
    if (ground_truth / "res_track.txt").is_file():
        raise MissingInputError(f"{ground_truth} is a result, no truth; give the result first and NN_GT after it")
    if not ground_truth.is_dir():
        raise MissingInputError(f"the folder of the truth {ground_truth} does not exist; give NN_GT of the sequence")
    raise MissingInputError(
        f"{ground_truth} has no TRA/man_track.txt, so there is no lineage to compare with; give the folder NN_GT of a "
        "sequence whose lineage is known"
    )


def _check_frames(masks: Frames, markers: Frames, result: Path, truth: Path) -> None:
    lacking = sorted(set(markers.numbers) - set(masks.numbers))
    surplus = sorted(set(masks.numbers) - set(markers.numbers))
    if lacking:
        raise FrameMismatchError(
            f"{result} lacks {_name_frames(lacking)} of the truth {truth}; track and evaluate the same frames"
        )
    if surplus:
        raise FrameMismatchError(
            f"{result} has {_name_frames(surplus)}, unlike the truth {truth}; give the truth of the same sequence"
        )
    if len(masks) < 2:
        raise InputError(f"{result} has only one frame, so there is no link to score; give two frames or more")
    if masks.shape != markers.shape:
        raise FrameMismatchError(
            f"the masks of {result} are of shape {masks.shape} and those of {truth} of {markers.shape}; "
            "give the truth of the same movie"
        )


def _name_frames(numbers: Sequence[int]) -> str:
    named = ", ".join(str(number) for number in numbers[:_MOST_NAMED])
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {named}{more}"


def _outlines(folder: Path, numbers: Sequence[int]) -> list[_Outline]:
    """Find the outlines of the frames that are evaluated."""
    index = {number: position for position, number in enumerate(numbers)}
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    names = ((path, _OUTLINE_NAME.fullmatch(path.name)) for path in files)
    return [
        _Outline(path, index[int(name[1])], int(name[2]) if name[2] else None)
        for path, name in names
        if name and int(name[1]) in index
    ]


def _match_outline(outline: _Outline, masks: Frames) -> FrameMatch:
    import tifffile

    truth: NDArray[np.generic] = np.asarray(tifffile.imread(outline.path))
    mask = masks[outline.frame]
    result = mask if outline.slice is None else mask[outline.slice]
    if truth.shape != result.shape:
        raise FrameMismatchError(
            f"{outline.path} is of shape {truth.shape}, not {result.shape} as the result; remove SEG to leave it out"
        )
    return match_frame(truth, result)


def _in_threads(match: Callable[[Item], FrameMatch], items: Iterable[Item]) -> list[FrameMatch]:
    """Decompress and count frames in threads, which numpy does without holding the interpreter lock."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as executor:
        return list(executor.map(match, items))
