"""Tracking a lineage again under corrections."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from cell_tracker_gnn.data import Lineage
from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.edits import Edits
from cell_tracker_gnn.model.weights import load_model
from cell_tracker_gnn.pipeline import Progress, track_movie
from cell_tracker_gnn.report.images import find_images
from cell_tracker_gnn.settings import TrackSettings

__all__ = ["TrackAgain"]

_INPUTS = ("masks", "images", "axes", "channel")


@dataclass(frozen=True, eq=False)
class TrackAgain:
    """The best lineage of the same masks, with the same model and settings, that obeys corrections.

    Parameters
    ----------
    lineage
        What was tracked, with its movie.
    edits
        The corrections.
    """

    lineage: Lineage
    edits: Edits

    def __call__(self, progress: Progress) -> Lineage:
        """Track again.

        Raises
        ------
        InputError
            If the lineage has no masks.
        LinkingError
            If the corrections contradict each other.
        """
        run, movie = self.lineage.run, self.lineage.movie
        if movie is None:
            raise InputError("the lineage has no masks, so it cannot be tracked again; open its result folder")
        if movie.images is None:
            movie = replace(movie, images=find_images(run, tuple(movie.numbers), movie.shape))
        made_by, given = run.get("model"), run.get("settings")
        name = str(made_by.get("name") or "general") if isinstance(made_by, dict) else "general"
        known = {field.name for field in fields(TrackSettings)}
        chosen = {key: value for key, value in given.items() if key in known} if isinstance(given, dict) else {}
        lineage = track_movie(movie, load_model(name), TrackSettings(**chosen), fixed=self.edits, progress=progress)
        return replace(lineage, run={**lineage.run, **{key: run[key] for key in _INPUTS if key in run}})
