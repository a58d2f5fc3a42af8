"""From a result on disk to tables of measurements on disk."""

from __future__ import annotations

from collections.abc import Sequence

from cell_tracker_gnn.data import Frames, Scale
from cell_tracker_gnn.io import check_output, open_frames, open_movie, read_lineage
from cell_tracker_gnn.io.formats import rescaled
from cell_tracker_gnn.io.measured_tracks import attach_masks
from cell_tracker_gnn.io.output import result_folder, write_json
from cell_tracker_gnn.io.pairing import SelectedFrames
from cell_tracker_gnn.io.paths import PathText
from cell_tracker_gnn.io.table import write_table
from cell_tracker_gnn.measurement import COLUMNS, Measurements, measure

__all__ = ["measure_result"]


def measure_result(
    result: PathText,
    output: PathText,
    *,
    images: Sequence[PathText] = (),
    channels: Sequence[int] = (),
    masks: PathText | None = None,
    scale: Sequence[float] | None = None,
    unit: str | None = None,
    interval: float | None = None,
    suffix: str = "csv",
    overwrite: bool = False,
) -> Measurements:
    """Measure the cells of a result and write ``cells``, ``tracks`` and ``msd`` tables with ``run.json``.

    Parameters
    ----------
    result
        A result folder or any other format of :func:`~cell_tracker_gnn.io.formats.read_lineage`.
    output
        A new folder.
    images
        Images of the same frames, one source per channel, or one with several channels.
    channels
        Channels of each of ``images`` to measure; needed where there are several.
    masks
        Masks, where the result has none.
    scale, unit, interval
        In place of those of the result.
    suffix
        ``"csv"`` or ``"parquet"``.
    overwrite
        Replace former tables.

    Raises
    ------
    InputError
        If the result, the masks or the images cannot be read or do not fit each other.
    OutputError
        If ``output`` is not empty or cannot be written.
    """
    inputs = [result, *images, *([] if masks is None else [masks])]
    check_output(output, inputs, overwrite)
    lineage = rescaled(read_lineage(result), scale, unit, interval)
    if masks is not None:
        lineage = attach_masks(lineage, open_movie(masks), str(masks))
    numbers = lineage.cells.numbers
    opened = [
        _numbered(open_frames(path, channel=number), numbers) for path in images for number in channels or (None,)
    ]
    measured = measure(lineage, opened)
    with result_folder(output, inputs, overwrite) as folder:
        for name in ("cells", "tracks", "msd"):
            write_table(getattr(measured, name), folder / f"{name}.{suffix}")
        record = {"measured": str(result), "images": [str(path) for path in images], **_units(lineage.cells.scale)}
        write_json({**record, "columns": COLUMNS}, folder / "run.json")
    return measured


def _numbered(frames: Frames, numbers: tuple[int, ...]) -> Frames:
    """The frames of the result; those of a stack of as many frames, numbered 0, 1, 2, ..., take its numbers."""
    if tuple(frames.numbers) == tuple(range(len(numbers))):
        return SelectedFrames(frames, tuple(range(len(numbers))), tuple(numbers))
    place = {number: index for index, number in enumerate(frames.numbers)}
    if all(number in place for number in numbers):
        return SelectedFrames(frames, tuple(place[number] for number in numbers), tuple(numbers))
    return frames


def _units(scale: Scale) -> dict[str, object]:
    """Units of the columns."""
    size = f"{scale.unit}{'²' if scale.rank == 2 else '³'}"
    speed = f"{scale.unit}/{scale.interval_unit}"
    units = {"length": scale.unit, "time": scale.interval_unit, "size": size, "speed": speed, "msd": f"{scale.unit}²"}
    return {"units": units, "scale": list(scale.step), "interval": scale.interval}
