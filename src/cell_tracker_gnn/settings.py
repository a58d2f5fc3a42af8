"""Every setting of a tracking run in one frozen, validated value that the command line and the API fill."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cell_tracker_gnn.errors import SettingsError

__all__ = ["CROPS", "ENCODERS", "LINKERS", "MISSED", "SEGMENTERS", "TrackSettings"]

LINKERS: tuple[str, ...] = ("exact", "greedy")

SEGMENTERS: tuple[str, ...] = ("threshold", "cellpose", "stardist")
"""Ways to make masks of images, see :func:`~cell_tracker_gnn.segmentation.segment_movie`."""

ENCODERS: tuple[str, ...] = ("compact", "resnet18", "resnet34")
"""Kinds of encoders, see :class:`~cell_tracker_gnn.embedding.encoder.EncoderConfig`."""

CROPS: tuple[str, ...] = ("masked", "padded", "patch")
"""Ways to cut crops of cells, see :func:`~cell_tracker_gnn.features.crops.cut_crops`."""

MISSED = 2
"""Missed frames that candidate links always span, so that a cell that comes back is not taken for a daughter."""


@dataclass(frozen=True)
class TrackSettings:
    """Settings of one tracking run.

    Parameters
    ----------
    linker
        ``"exact"`` for the global optimum, ``"greedy"`` for the fast approximation.
    max_gap
        Number of frames a cell may be missed and still be continued, 0 for none.
    max_move
        Largest distance between two linked cells after motion compensation, in units of the movie's scale, per frame
        step; None derives it from the size and the spacing of the cells.
    divisions
        Whether a cell may have two daughters.
    min_size
        Detections of fewer pixels are left out; 0 keeps everything.
    flips
        Average the embedding of each cell over all flips of its crop, for models that have one.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Raises
    ------
    SettingsError
        If a value is out of range.

    Examples
    --------
    >>> from cell_tracker_gnn import Tracker, TrackSettings
    >>> tracker = Tracker.from_pretrained(settings=TrackSettings(max_gap=0, divisions=False))
    >>> tracker.settings.as_dict()["max_gap"]
    0
    """

    linker: str = "exact"
    max_gap: int = MISSED
    max_move: float | None = None
    divisions: bool = True
    min_size: int = 0
    flips: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.linker not in LINKERS:
            raise SettingsError(f"the linker {self.linker!r} is unknown; choose one of {', '.join(LINKERS)}")
        if not 0 <= self.max_gap <= 10:
            raise SettingsError(f"max_gap is {self.max_gap}; give a number of skipped frames from 0 to 10")
        if self.max_move is not None and not self.max_move > 0:
            raise SettingsError(f"max_move is {self.max_move}; give a positive distance")
        if self.min_size < 0:
            raise SettingsError(f"min_size is {self.min_size}; give a number of pixels, 0 or more")

    def span(self, trained: int = MISSED) -> int:
        """Missed frames that candidate links span: :data:`MISSED` even where fewer are wanted.

        Parameters
        ----------
        trained
            Missed frames that the model has learned to weigh links over; no more are added to those that are wanted.
        """
        return max(self.max_gap, min(trained, MISSED))

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values, for ``run.json``."""
        return asdict(self)
