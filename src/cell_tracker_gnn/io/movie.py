"""Opening a movie: masks and images from anywhere, paired by frame number."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import ArrayFrames, Frames, Movie, Scale
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.axes import ArrayLike, PickedFrames, check_axes, layout_of
from cell_tracker_gnn.io.checks import CheckedImages, CheckedMasks
from cell_tracker_gnn.io.damage import damage_as_error
from cell_tracker_gnn.io.pairing import SelectedFrames, check_not_empty, check_pairing, select
from cell_tracker_gnn.io.paths import existing, expanded
from cell_tracker_gnn.io.scale import choose_scale, combine_stated, read_scale
from cell_tracker_gnn.io.tiff import TiffStack, open_tiff_folder
from cell_tracker_gnn.io.zarr_store import is_zarr, open_zarr

__all__ = ["Source", "has_numbers", "open_frames", "open_movie", "source_name", "stated_scale"]

Source: TypeAlias = str | PathLike[str] | Frames | ArrayLike | Sequence[NDArray[np.generic]]
"""A folder or file, frames, or anything array-like with a leading time axis."""


def open_frames(
    path: Source, *, axes: str | None = None, channel: int | None = None, frames: str | None = None
) -> Frames:
    """Open the frames of a movie without reading them.

    Parameters
    ----------
    path
        A folder with one TIFF file per frame, a TIFF stack, an OME-Zarr, a ``.npy`` file, an array (numpy, zarr, dask)
        with axes (t, y, x) or (t, z, y, x), a list of frames, or frames that are already open (``axes`` and ``channel``
        do not apply to them).
    axes
        One letter per stored axis among t, z, y, x, c when they cannot be told, as in ``"tcyx"``.
    channel
        Channel to read, counted from 0.
    frames
        ``"A:B"``: frame numbers of the input from A to B, B excluded; either may be left out.

    Returns
    -------
    Frames
        The frames, in the order of their numbers.

    Raises
    ------
    MissingInputError
        If the path does not exist, holds no frames, or none remain.
    InputError
        If a file cannot be read, its frame number is unclear, or it has several channels and none was chosen.
    SettingsError
        If ``axes`` or ``frames`` is not understood.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn.io import open_frames
    >>> frames = open_frames(np.zeros((5, 64, 48)), frames="2:4")
    >>> len(frames), frames.numbers, frames[0].shape
    (2, (2, 3), (64, 48))
    """
    return select(_open(path, axes, channel, labels=False), frames, source_name(path))


def open_movie(
    masks: Source,
    images: Source | None = None,
    *,
    axes: str | None = None,
    channel: int | None = None,
    frames: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str | None = None,
    interval: float | None = None,
) -> Movie:
    """Open masks and, if there are any, their images as one movie; only the first frame of each is read.

    Frames are paired by frame number. Arrays and stacks have no numbers of their own and take those of the other.

    Parameters
    ----------
    masks
        Integer label images, 0 = background; any source of :func:`open_frames`.
    images
        Intensity images of the same frames, or None.
    axes
        Axis letters of the stored arrays; letters that a file does without (t in a folder, c in masks) are skipped.
    channel
        Channel of the images.
    frames
        ``"A:B"``: frame numbers of the input from A to B, B excluded.
    scale
        Length of a pixel along (z, y, x) or (y, x); of three numbers a 2D movie takes the last two. None takes what the
        files say, else one unit per pixel.
    unit
        Unit of ``scale``; None takes that of the files, else µm where ``scale`` is given.
    interval
        Time between two frames in seconds; None takes what the files say.

    Returns
    -------
    Movie
        Frames that are checked when they are read: masks of another type than integer labels, negative labels, images
        in the place of masks and frames of another shape raise InputError.

    Raises
    ------
    MissingInputError
        If a path does not exist or no frames remain.
    FrameMismatchError
        If masks and images are not of the same frames or shape.
    InputError
        If a file cannot be read or the first frame cannot be used.
    SettingsError
        If ``axes``, ``frames`` or ``scale`` is not understood.

    Examples
    --------
    >>> import numpy as np
    >>> from cell_tracker_gnn import open_movie
    >>> masks = np.zeros((5, 8, 64, 48), np.uint16)  # (t, z, y, x)
    >>> movie = open_movie(masks, scale=(2.0, 0.5, 0.5), unit="µm", interval=300)
    >>> len(movie), movie.shape, movie.scale.step
    (5, (8, 64, 48), (2.0, 0.5, 0.5))
    """
    mask_frames = _open(masks, axes, None, labels=True)
    image_frames = None
    if images is not None:
        opened = _open(images, axes, channel, labels=False)
        mask_frames, opened = _same_numbering(mask_frames, opened, masks, images)
        image_frames = select(opened, frames, source_name(images))
    checked_masks = CheckedMasks(select(mask_frames, frames, source_name(masks)), source_name(masks))
    _check_rank(checked_masks.shape, axes, source_name(masks))
    _ = checked_masks[0]
    checked_images = None
    if image_frames is not None:
        check_pairing(checked_masks.numbers, image_frames.numbers, source_name(masks), source_name(images))
        checked_images = CheckedImages(image_frames, source_name(images), checked_masks.shape)
        _ = checked_images[0]
    stated = combine_stated(stated_scale(images), stated_scale(masks))
    known = choose_scale(scale, unit, stated, len(checked_masks.shape), interval=interval)
    return Movie(checked_masks, checked_images, known)


def _open(source: Source, axes: str | None, channel: int | None, *, labels: bool) -> Frames:
    names = None if axes is None else check_axes(axes)
    if isinstance(source, (str, PathLike)):
        return _open_path(existing(source), names, channel, labels=labels)
    if isinstance(source, Frames):
        return source
    if isinstance(source, (list, tuple)):
        check_not_empty(len(source), source_name(source))
        return ArrayFrames(source)
    if not hasattr(source, "shape"):
        raise InputError(f"a {type(source).__name__} is no movie; give a path or an array with axes t, (z,) y, x")
    return _open_array(source, names, channel, source_name(source), labels=labels)  # type: ignore[arg-type]


def _open_path(path: Path, axes: str | None, channel: int | None, *, labels: bool) -> Frames:
    suffix = path.suffix.lower()
    if is_zarr(path):
        return open_zarr(path, axes, channel, labels=labels)
    if path.is_dir():
        return open_tiff_folder(path, axes, channel, labels=labels)
    if suffix in (".tif", ".tiff"):
        return TiffStack(path, axes, channel, labels=labels)
    if suffix == ".npy":
        return _open_array(_load_npy(path), axes, channel, str(path), labels=labels)
    raise InputError(f"{path} is no folder of TIFF files, TIFF stack, OME-Zarr or .npy file; convert it to one of them")


def _load_npy(path: Path) -> NDArray[np.generic]:
    # Not numpy.load, which takes an archive of arrays (.npz) under this name, too.
    with damage_as_error(path, "save it again with numpy.save"):
        array: NDArray[np.generic] = np.lib.format.open_memmap(path, mode="r")
    return array


def _open_array(array: ArrayLike, axes: str | None, channel: int | None, where: str, *, labels: bool) -> Frames:
    sizes = tuple(int(size) for size in array.shape)
    names = axes if axes is not None else {3: "tyx", 4: "tzyx"}.get(len(sizes), "")
    if len(names) == len(sizes) + 1:
        names = names.replace("c", "")
    if len(names) != len(sizes):
        raise InputError(f"{where} has {len(sizes)} axes of lengths {sizes}; say what they are with --axes, as in tcyx")
    if "t" in names:
        check_not_empty(sizes[names.index("t")], where)
    return PickedFrames(array, layout_of(names, sizes, channel, where, labels=labels))


def _check_rank(shape: tuple[int, ...], axes: str | None, where: str) -> None:
    """Refuse frames that are neither planes nor volumes, and colour pictures taken for volumes."""
    if len(shape) not in (2, 3):
        raise InputError(f"the frames of {where} have shape {shape}; give 2D (y, x) or 3D (z, y, x) label images")
    if axes is None and len(shape) == 3 and shape[-1] in (3, 4) and min(shape[:2]) >= 16:
        raise InputError(
            f"the frames of {where} have shape {shape}, which looks like colour (RGB); masks need one integer "
            "label per pixel (if the last axis is x, say so with --axes)"
        )


def _same_numbering(masks: Frames, images: Frames, from_masks: Source, from_images: Source) -> tuple[Frames, Frames]:
    """Give the frames without numbers of their own those of the others."""
    if len(masks) != len(images):
        return masks, images
    everything = tuple(range(len(masks)))
    if not has_numbers(masks, from_masks):
        masks = SelectedFrames(masks, everything, tuple(images.numbers))
    elif not has_numbers(images, from_images):
        images = SelectedFrames(images, everything, tuple(masks.numbers))
    return masks, images


def has_numbers(frames: Frames, source: Source) -> bool:
    """Whether the frame numbers come from file names or the caller rather than from counting."""
    path = expanded(source) if isinstance(source, (str, PathLike)) else None
    is_folder = path is not None and path.is_dir() and not is_zarr(path)
    return is_folder or tuple(frames.numbers) != tuple(range(len(frames)))


def stated_scale(source: Source | None) -> Scale | None:
    """Scale that the files of a source state about themselves."""
    if not isinstance(source, (str, PathLike)) or Path(source).suffix.lower() == ".npy":
        return None
    return read_scale(source)


def source_name(source: Source | None) -> str:
    """Name of a source in error messages."""
    return str(source) if isinstance(source, (str, PathLike)) else "given as arrays"
