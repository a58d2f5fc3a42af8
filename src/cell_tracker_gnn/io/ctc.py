"""The layout of the Cell Tracking Challenge: masks whose labels are track numbers, and a table of the tracks."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Integers, Lineage, Scale
from cell_tracker_gnn.errors import OutputError
from cell_tracker_gnn.io.label_type import LabelType, label_type
from cell_tracker_gnn.io.lineage_table import LineageTable
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.io.point_movie import tracked_frames

__all__ = ["relabel_frame", "write_ctc"]

_LARGEST_TABLE = 2**24
_NO_UUID = "urn:uuid:00000000-0000-0000-0000-000000000000"
"""The same in every file, so that the same result gives the same bytes."""


def write_ctc(lineage: Lineage, folder: str | PathLike[str], *, wide_labels: bool = False) -> None:
    """Write ``maskNNN.tif`` for every frame and ``res_track.txt``.

    The masks are those of ``lineage.movie``, read frame by frame, with the track number in the place of the label;
    pixels of labels that are no cell become 0. Of points, discs are drawn
    (:func:`~cell_tracker_gnn.io.point_movie.draw_points`). Frame numbers are those of the input, with three digits or
    as many as the largest needs; where the input leaves numbers out (0, 5, 10), so do the files and ``res_track.txt``.
    The size of a pixel and the interval, where they are known, stand in the files as OME tags.

    Parameters
    ----------
    lineage
        The result, with its movie.
    folder
        An existing folder.
    wide_labels
        Write 32-bit labels instead of the 16-bit ones of the challenge.

    Raises
    ------
    OutputError
        If there are more tracks than labels, or the lineage has no masks.
    OSError
        If the disk cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from cell_tracker_gnn import Tracker
    >>> from cell_tracker_gnn.io import write_ctc
    >>> masks = np.zeros((2, 32, 32), int)
    >>> masks[0, 10:18, 10:18] = masks[1, 11:19, 10:18] = 5
    >>> Path("01_RES").mkdir()
    >>> write_ctc(Tracker.from_pretrained().track(masks), "01_RES")
    >>> sorted(path.name for path in Path("01_RES").iterdir())
    ['mask000.tif', 'mask001.tif', 'res_track.txt']
    """
    from tifffile import imwrite

    if lineage.movie is None:
        raise OutputError("the lineage came without its masks, so no CTC result can be written; track from masks")
    target = Path(folder)
    dtype = _label_type(lineage, wide_labels=wide_labels)
    masks, scale = tracked_frames(lineage.movie, lineage)
    tags = _tags(scale)
    digits = max(3, len(str(max(masks.numbers))))
    for index, number in enumerate(masks.numbers):
        tracked = relabel_frame(lineage, masks, index, dtype)
        with new_file(target / f"mask{number:0{digits}d}.tif") as temporary:
            # One strip per plane: the usual small ones cost half as much again to write and are larger.
            rows = tracked.shape[-2]
            imwrite(temporary, tracked, compression="zlib", photometric="minisblack", rowsperstrip=rows, **tags)
    _write_track_table(lineage, target / "res_track.txt")


def _tags(scale: Scale) -> dict[str, Any]:
    """OME tags with the size of a pixel and the interval, where they are known."""
    timed = scale.interval_unit != "frame"
    if not scale.is_known and not timed:
        return {}
    names = "ZYX"[-scale.rank :]
    calibration: dict[str, Any] = {"axes": names, "UUID": _NO_UUID}
    for name, step in zip(names, scale.step, strict=True):
        calibration |= {f"PhysicalSize{name}": step, f"PhysicalSize{name}Unit": scale.unit}
    if timed:
        calibration |= {"TimeIncrement": scale.interval, "TimeIncrementUnit": scale.interval_unit}
    return {"ome": True, "metadata": calibration}


def relabel_frame(lineage: Lineage, masks: Frames, index: int, dtype: LabelType) -> NDArray[Any]:
    """Put track numbers in the place of the labels of one frame.

    Parameters
    ----------
    lineage
        The result.
    masks
        The masks it was made from.
    index
        Index of the frame in the movie.
    dtype
        Type of the result, wide enough for the largest track number.

    Returns
    -------
    ndarray of dtype
        Shape of one frame, (y, x) or (z, y, x).
    """
    chosen = slice(*np.searchsorted(lineage.cells.frame, [index, index + 1]))
    labels, tracks = lineage.mark[chosen], lineage.track[chosen].astype(dtype)
    frame = masks[index]
    largest = int(frame.max(initial=0))
    if largest < _LARGEST_TABLE:
        known = labels <= largest
        table = np.zeros(largest + 1, dtype)
        table[labels[known]] = tracks[known]
        return table.take(frame.astype(np.intp, copy=False))
    return _relabel_sparse(frame.astype(np.int64), labels, tracks)


def _relabel_sparse(frame: Integers, labels: Integers, tracks: NDArray[Any]) -> NDArray[Any]:
    """Relabel without a table as long as the largest label."""
    if not len(labels):
        return np.zeros(frame.shape, tracks.dtype)
    order = np.argsort(labels)
    place = np.searchsorted(labels[order], frame).clip(max=len(labels) - 1)
    return np.asarray(np.where(labels[order][place] == frame, tracks[order][place], tracks.dtype.type(0)))


def _label_type(lineage: Lineage, *, wide_labels: bool) -> LabelType:
    most = int(lineage.track.max(initial=0))
    if wide_labels:
        return np.uint32
    if label_type(most) is np.uint32:
        raise OutputError(
            f"the result has {most} tracks, more than the 65,535 labels of a 16-bit CTC mask; write 32-bit masks with "
            "--wide-labels (wide_labels=True)"
        )
    return np.uint16


def _write_track_table(lineage: Lineage, path: Path) -> None:
    tracks = lineage.tracks
    numbers = np.asarray(lineage.cells.numbers, dtype=np.int64)
    table = LineageTable(tracks.track, numbers[tracks.begin], numbers[tracks.end], tracks.parent)
    with new_file(path) as temporary:
        temporary.write_text(table.text())
