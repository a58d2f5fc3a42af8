"""Movies as TIFF: a folder with one file per frame, or one stack; frames are read when they are asked for."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.axes import layout_of
from cell_tracker_gnn.io.numbering import number_files
from cell_tracker_gnn.io.paths import tiff_files
from cell_tracker_gnn.io.series import (
    broken_file_as_error,
    has_time,
    open_tiff,
    read_planes,
    series_names,
    the_series,
)

if TYPE_CHECKING:
    from tifffile import TiffFile

__all__ = ["TiffFolder", "TiffStack", "open_tiff_folder"]


class TiffFolder:
    """A folder with one 2D or 3D TIFF file per frame.

    Parameters
    ----------
    files
        Frame number and file of each frame, ordered by number.
    axes
        Axis letters of one file, or None to take those of the file.
    channel
        Channel to read, or None.
    labels
        Whether these should be masks.

    Raises
    ------
    InputError
        If the first file cannot be read, or has several channels and none was chosen.
    """

    def __init__(
        self,
        files: list[tuple[int, Path]],
        axes: str | None = None,
        channel: int | None = None,
        *,
        labels: bool = False,
    ) -> None:
        self._files = [path for _, path in files]
        self._numbers = tuple(number for number, _ in files)
        self._axes, self._channel, self._labels = axes, channel, labels
        with broken_file_as_error(self._files[0]), open_tiff(self._files[0], alone=True) as tif:
            series = the_series(tif, self._files[0])
            names = series_names(series, self._files[0], axes, in_folder=True)
            self._shape = layout_of(names, series.shape, channel, str(self._files[0]), labels=labels).frame_shape

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item, from the file names."""
        return self._numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self._shape

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        path = self._files[index]
        with broken_file_as_error(path), open_tiff(path, alone=True) as tif:
            series = the_series(tif, path)
            names = series_names(series, path, self._axes, in_folder=True)
            layout = layout_of(names, series.shape, self._channel, str(path), labels=self._labels)
            if layout.frame_shape != self._shape:
                raise InputError(
                    f"frame {self._numbers[index]} ({path}) has shape {layout.frame_shape}, but "
                    f"{self._files[0].name} has {self._shape}; give frames of one shape"
                )
            return layout.arrange(read_planes(tif, series, names, layout.picks(0)))


class TiffStack:
    """One multi-page TIFF file, OME-TIFF or ImageJ hyperstack; frames are numbered 0, 1, 2, ...

    Safe to use from several threads and to send to other processes.

    Parameters
    ----------
    path
        The file.
    axes
        Axis letters among t, z, y, x, c, or None to take those of the file, else t, (z,) y, x.
    channel
        Channel to read, or None.
    labels
        Whether these should be masks.

    Raises
    ------
    InputError
        If the file cannot be read, its axes are unclear, or it has several channels and none was chosen.
    """

    def __init__(
        self, path: Path, axes: str | None = None, channel: int | None = None, *, labels: bool = False
    ) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tif: TiffFile | None = None
        with broken_file_as_error(path):
            series = the_series(self._open(), path)
            self._names = series_names(series, path, axes, in_folder=False)
            self._layout = layout_of(self._names, series.shape, channel, str(path), labels=labels)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Frame number of each item, counted from 0."""
        return tuple(range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one frame, (y, x) or (z, y, x)."""
        return self._layout.frame_shape

    def __len__(self) -> int:
        return self._layout.length

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        place = range(len(self))[index]
        with self._lock, broken_file_as_error(self._path):
            tif = self._open()
            return self._layout.arrange(
                read_planes(tif, the_series(tif, self._path), self._names, self._layout.picks(place))
            )

    def _open(self) -> TiffFile:
        """Open the file once; it is kept open because finding the pages of a long stack takes long."""
        if self._tif is None:
            self._tif = open_tiff(self._path, alone=False)
            weakref.finalize(self, self._tif.close)
        return self._tif

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_tif", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _tif=None, _lock=threading.Lock())


def open_tiff_folder(
    folder: Path, axes: str | None = None, channel: int | None = None, *, labels: bool = False
) -> Frames:
    """Frames of a folder of TIFF files, or of the one stack with a time axis that it holds.

    Raises
    ------
    MissingInputError
        If the folder holds no TIFF file.
    InputError
        If the frame numbers are unclear or the first file cannot be used.
    """
    files = tiff_files(folder)
    if len(files) == 1 and _is_movie(files[0]):
        return TiffStack(files[0], axes, channel, labels=labels)
    return TiffFolder(number_files(files), axes, channel, labels=labels)


def _is_movie(path: Path) -> bool:
    with broken_file_as_error(path), open_tiff(path, alone=True) as tif:
        return has_time(the_series(tif, path))
