"""One TIFF file: what its axes are, and reading only the planes that are needed."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.errors import CellTrackerError, InputError, MissingInputError
from cell_tracker_gnn.io.damage import claims_too_much
from cell_tracker_gnn.io.directories import check_directories

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

__all__ = ["broken_file_as_error", "has_time", "open_tiff", "read_planes", "series_names", "the_series"]

logger = logging.getLogger(__name__)

_BROKEN = ("invalid page offset", "corrupted", "failed to reshape")


class _Complaints(logging.Handler):
    """Collects what tifffile only logs about a file that ends too early."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.thread == self.thread and any(word in message for word in _BROKEN):
            self.found.append(message)


@contextmanager
def broken_file_as_error(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or foreign file makes the decoders raise or log into an InputError naming the file."""
    complaints = _Complaints()
    library = logging.getLogger("tifffile")
    library.addHandler(complaints)
    try:
        yield
    except CellTrackerError:
        raise
    except FileNotFoundError as error:
        raise MissingInputError(f"{path} is no longer there; restore it and run again") from error
    except Exception as error:
        # Bytes of a damaged file can make tifffile, zlib and the codecs raise nearly anything.
        raise InputError(f"{path} cannot be read as TIFF ({error}); copy it again or export it anew") from error
    finally:
        library.removeHandler(complaints)
    if complaints.found:
        raise InputError(f"{path} is damaged or cut off ({complaints.found[0]}); copy it again or export it anew")


def open_tiff(path: Path, *, alone: bool) -> TiffFile:
    """Open a TIFF file; with ``alone`` the other files of a multi-file OME data set are not looked for."""
    from tifffile import TiffFile

    check_directories(path)
    tif = TiffFile(path)
    try:
        if alone and tif.is_ome and tif.series[0].is_multifile:
            tif.close()
            tif = TiffFile(path, is_ome=False)
        the_series(tif, path)
    except BaseException:
        tif.close()
        raise
    return tif


def the_series(tif: TiffFile, path: Path) -> TiffPageSeries:
    """Return the one image of the file.

    Raises
    ------
    InputError
        If it holds none or several of different shapes.
    """
    if not tif.series:
        raise InputError(f"{path} holds no image; export it anew")
    if len(tif.series) > 1:
        shapes = ", ".join(str(series.shape) for series in tif.series[:4])
        raise InputError(
            f"{path} holds {len(tif.series)} separate images of shapes {shapes}; save the one to track in its own file"
        )
    return tif.series[0]


def has_time(series: TiffPageSeries) -> bool:
    """Whether the file itself says that one of its axes is time."""
    return series.kind in ("ome", "imagej") and "T" in series.axes


def series_names(series: TiffPageSeries, path: Path, axes: str | None, *, in_folder: bool) -> str:
    """Axis letters t, z, y, x, c of the image.

    Parameters
    ----------
    series
        The image.
    path
        Its file, for error messages.
    axes
        The user's letters, or None to take those of the file.
    in_folder
        Whether the file is one frame of a folder rather than a stack of frames.

    Raises
    ------
    InputError
        If the letters do not fit the shape, or the axes cannot be told.
    """
    if axes is not None:
        return _given_names(axes, series.shape, path, in_folder=in_folder)
    letters = [_known(letter, place, series) for place, letter in enumerate(series.axes)]
    if series.kind == "shaped" and not series.axes.endswith(("YX", "YXS")):
        # tifffile mistakes a width of one pixel for one sample of colour.
        letters = ["?"] * (len(letters) - 2) + ["y", "x"]
    if in_folder:
        letters = ["?" if letter == "t" else letter for letter in letters]
    elif series.kind == "imagej" and "z" in letters and not {"t", "?"} & set(letters):
        # ImageJ saves an opened image sequence as slices, and one single frame cannot be tracked.
        logger.warning("%s has no time axis: its %d slices are taken as frames; say --axes zyx if they are planes",
                       path, series.shape[letters.index("z")])  # fmt: skip
        letters[letters.index("z")] = "t"
    for wanted in "zc" if in_folder else "tzc":
        if wanted not in letters and "?" in letters:
            letters[letters.index("?")] = wanted
    names = "".join(letters)
    if "?" in names or len(set(names)) != len(names) or not {"y", "x"} <= set(names):
        hint = "; it holds a time axis, so give the file instead of its folder" if in_folder else ""
        raise InputError(
            f"the axes {series.axes} of {path}, shape {series.shape}, are unclear; say them with --axes{hint}"
        )
    return names


def _known(letter: str, place: int, series: TiffPageSeries) -> str:
    """Our letter for tifffile's, ``?`` when it means nothing certain."""
    if letter in "TZCYX":
        return letter.lower()
    # tifffile takes three or four z planes it wrote itself for planes of colour.
    if letter == "S" and (place == len(series.axes) - 1 or series.kind != "shaped"):
        return "c"
    return "?"


def _given_names(axes: str, sizes: tuple[int, ...], path: Path, *, in_folder: bool) -> str:
    """Take the user's letters, less those that this file can do without."""
    names = axes
    if in_folder and len(names) == len(sizes) + 1:
        names = names.replace("t", "")
    if len(names) == len(sizes) + 1:
        names = names.replace("c", "")
    if len(names) != len(sizes):
        raise InputError(
            f"{path} has {len(sizes)} axes of lengths {sizes}, which --axes {axes} does not fit; correct it"
        )
    return names


def read_planes(tif: TiffFile, series: TiffPageSeries, names: str, picks: Mapping[str, int]) -> NDArray[np.generic]:
    """Read the part of an image that lies at ``picks``, plane by plane.

    Parameters
    ----------
    tif, series
        The open file and its image.
    names
        Axis letters of the image.
    picks
        Axis letter to position.

    Returns
    -------
    ndarray
        The image without the picked axes, in the order of ``names``.
    """
    if series.dataoffset is not None:
        dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
        stored = np.memmap(tif.filehandle.path, dtype, "r", series.dataoffset, series.shape)
        part = stored[tuple(picks.get(name, slice(None)) for name in names)]
        return np.array(part, dtype=dtype.newbyteorder("="))
    inner = _axes_within_a_page(series)
    outer = len(names) - inner
    sizes = series.shape[:outer]
    places = [[picks[name]] if name in picks else range(size) for name, size in zip(names, sizes, strict=False)]
    pages = [series.pages[int(np.ravel_multi_index(place, sizes)) if outer else 0] for place in product(*places)]
    if len(series.pages) != math.prod(sizes) or None in pages:
        raise InputError(f"{tif.filehandle.path} lacks some of its planes; export it anew")
    for page in pages:
        _check_claims(page, tif)
    planes = [page.asarray().reshape(series.shape[outer:]) for page in pages if page is not None]
    block = np.stack(planes).reshape(*(len(place) for place in places), *series.shape[outer:])
    key = tuple(picks[name] if name in picks and axis >= outer else 0 if name in picks else slice(None)
                for axis, name in enumerate(names))  # fmt: skip
    return np.asarray(block[key])


def _check_claims(page: Any, tif: TiffFile) -> None:
    """Refuse what a damaged directory claims of a page before memory is taken for it."""
    size, stored = tif.filehandle.size, max(page.databytecounts, default=0)
    if stored > size or claims_too_much(page.nbytes, size):
        raise InputError(
            f"{tif.filehandle.path} is damaged or cut off: it has {size} bytes and claims {page.nbytes} of pixels, "
            f"{stored} in one piece; copy it again or export it anew"
        )


def _axes_within_a_page(series: TiffPageSeries) -> int:
    """How many of the image's last axes lie within one page."""
    wanted = math.prod(series.keyframe.shape)
    for count in range(2, len(series.shape)):
        if math.prod(series.shape[-count:]) == wanted:
            return count
    return len(series.shape)
