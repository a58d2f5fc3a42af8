"""A movie of images to a folder of masks, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Frames, Lineage
from cell_tracker_gnn.errors import OutputError, SettingsError
from cell_tracker_gnn.io import Source, open_frames
from cell_tracker_gnn.io.label_type import label_type
from cell_tracker_gnn.io.movie import source_name, stated_scale
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.io.scale import choose_scale
from cell_tracker_gnn.io.tiff import open_tiff_folder
from cell_tracker_gnn.segmentation.networks import CellposeSegmenter, StarDistSegmenter
from cell_tracker_gnn.segmentation.threshold import ThresholdSegmenter
from cell_tracker_gnn.settings import SEGMENTERS

__all__ = ["SegmentedMovie", "segment_movie"]

Segmenter: TypeAlias = ThresholdSegmenter | CellposeSegmenter | StarDistSegmenter


@dataclass(frozen=True)
class SegmentedMovie:
    """Where the masks of a movie are and how they were made.

    Parameters
    ----------
    masks
        Folder with one label image per frame, numbered as the images.
    record
        What ``run.json`` says about it.

    Examples
    --------
    >>> from cell_tracker_gnn import segment_movie
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> made = segment_movie(folder / "01", "masks")
    >>> made.record["method"], len(made.open())
    ('threshold', 3)
    """

    masks: Path
    record: dict[str, object]

    def open(self) -> Frames:
        """The masks, frame by frame."""
        return open_tiff_folder(self.masks, labels=True)

    def recorded(self, lineage: Lineage) -> Lineage:
        """The lineage of these masks, whose ``run.json`` says where they come from."""
        run = {name: value for name, value in lineage.run.items() if name != "masks"}
        return replace(lineage, run={**run, "segmentation": {**self.record, "masks": "masks"}})


def segment_movie(
    images: Source,
    folder: str | PathLike[str],
    method: str = "threshold",
    *,
    axes: str | None = None,
    channel: int | None = None,
    frames: str | None = None,
    scale: Sequence[float] | None = None,
    gpu: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SegmentedMovie:
    """Segment images into masks on disk, which are the input of tracking like any others.

    Frames are read one by one and every mask is written when it is made; those that are in the folder already, from a
    run that was broken off, are kept.

    Parameters
    ----------
    images
        See :func:`~cell_tracker_gnn.io.open_frames`.
    folder
        Where the masks go, ``maskNNN.tif``; it is made if it is not there.
    method
        ``"threshold"`` for bright cells on dark, built in; ``"cellpose"`` or ``"stardist"`` if they are installed.
    axes, channel, frames
        See :func:`~cell_tracker_gnn.io.open_frames`.
    scale
        Length of a pixel along (z, y, x) or (y, x); None takes what the files say. Only ratios matter.
    gpu
        Whether networks may use a GPU.
    progress
        Called with the number of finished frames and of all.

    Raises
    ------
    MissingInputError
        If there are no images.
    InputError
        If a file cannot be read.
    SettingsError
        If the method is unknown or its package is not installed.
    OutputError
        If the masks cannot be written.

    Examples
    --------
    >>> from cell_tracker_gnn import segment_movie
    >>> from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
    >>> folder = write_simulation(simulate(SimulationSettings(frames=3, cells=4, size=(64, 64))), "nuclei")
    >>> segment_movie(folder / "01", "masks").open()[0].shape
    (64, 64)
    """
    if method not in SEGMENTERS:
        raise SettingsError(f"the segmenter {method!r} is unknown; choose one of {', '.join(SEGMENTERS)}")
    opened = open_frames(images, axes=axes, channel=channel, frames=frames)
    rank = len(opened.shape)
    if rank not in (2, 3):
        raise SettingsError(
            f"frames of {source_name(images)} have shape {opened.shape}; say the axes, as in --axes tcyx"
        )
    step = choose_scale(scale, None, stated_scale(images), rank).step
    segment, record = _segmenter(method, opened, step, gpu=gpu)
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for index, file in enumerate(_files(opened.numbers, target)):
            if not file.is_file():
                _write(np.asarray(segment(opened[index])), file)
            if progress is not None:
                progress(index + 1, len(opened))
    except OSError as error:
        raise OutputError(f"masks cannot be written to {target} ({error}); free some space") from error
    return SegmentedMovie(target, record)


def _segmenter(
    method: str, images: Frames, step: tuple[float, ...], *, gpu: bool
) -> tuple[Segmenter, dict[str, object]]:
    """The segmenter of a method with what is worth knowing about it later."""
    if method == "threshold":
        plain = ThresholdSegmenter.of(images, step)
        return plain, {"method": method, "radius": plain.radius}
    relative = tuple(length / step[-1] for length in step)
    if method == "cellpose":
        network: CellposeSegmenter | StarDistSegmenter = CellposeSegmenter.load(relative, gpu=gpu)
    else:
        network = StarDistSegmenter.load(relative)
    return network, {"method": method, "version": network.version}


def _files(numbers: Sequence[int], folder: Path) -> list[Path]:
    digits = max(3, len(str(max(numbers, default=0))))
    return [folder / f"mask{number:0{digits}d}.tif" for number in numbers]


def _write(labels: NDArray[np.generic], file: Path) -> None:
    from tifffile import imwrite

    labels = labels.astype(label_type(int(labels.max(initial=0))))
    with new_file(file) as temporary:
        imwrite(temporary, labels, compression="zlib", photometric="minisblack")
