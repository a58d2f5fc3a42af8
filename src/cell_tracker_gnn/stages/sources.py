"""How a worker gets the movie and the model: by name where they lie on disk, so that little travels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cell_tracker_gnn.data import ArrayFrames, Frames, Movie
from cell_tracker_gnn.errors import ModelError
from cell_tracker_gnn.io import PointSource, Source, is_points, open_movie, open_points

if TYPE_CHECKING:
    from cell_tracker_gnn.model.weights import Model

__all__ = ["Given", "NamedModel", "OpenedOnce", "Opening", "cut_movie"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Given(Generic[T]):
    """Something that is at hand."""

    value: T

    def __call__(self) -> T:
        """The thing itself."""
        return self.value


@dataclass(frozen=True)
class Opening:
    """What a movie is opened from, see :func:`~cell_tracker_gnn.io.open_movie`."""

    masks: Source | PointSource
    images: Source | None = None
    axes: str | None = None
    channel: int | None = None
    frames: str | None = None
    scale: tuple[float, ...] | None = None
    unit: str | None = None
    interval: float | None = None

    @property
    def inputs(self) -> dict[str, Path]:
        """Absolute paths of the inputs that lie on disk, by what they are: masks or points, and images."""
        sources = {"points" if is_points(self.masks) else "masks": self.masks, "images": self.images}
        return {
            name: Path(source).absolute() for name, source in sources.items() if isinstance(source, (str, PathLike))
        }

    @property
    def on_disk(self) -> bool:
        """Whether everything lies on disk."""
        return len(self.inputs) == 1 + (self.images is not None)

    def for_workers(self) -> OpenedOnce:
        """The same for other processes, which may run in another folder; everything must lie on disk."""
        return OpenedOnce(replace(self, masks=next(iter(self.inputs.values())), images=self.inputs.get("images")))

    def open(self) -> Movie:
        """Open the movie."""
        opened = open_points if is_points(self.masks) else open_movie
        return opened(
            self.masks,
            self.images,
            axes=self.axes,
            channel=self.channel,
            frames=self.frames,
            scale=self.scale,
            unit=self.unit,
            interval=self.interval,
        )


@dataclass(frozen=True)
class OpenedOnce:
    """A movie on disk that every worker opens once."""

    opening: Opening

    def __call__(self) -> Movie:
        """The movie."""
        return _open(self.opening)


@dataclass(frozen=True)
class NamedModel:
    """A model that every worker reads once."""

    path: str
    sha256: str

    def __call__(self) -> Model:
        """The model."""
        return _load(self)


@lru_cache(maxsize=1)
def _open(opening: Opening) -> Movie:
    return opening.open()


@lru_cache(maxsize=1)
def _load(model: NamedModel) -> Model:
    from cell_tracker_gnn.model.weights import load_model

    found = load_model(model.path)
    if found.sha256 != model.sha256:
        raise ModelError(f"{model.path} is not the same file for all workers; give them one version of the model")
    return found


def cut_movie(movie: Movie, begin: int, end: int) -> Movie:
    """The frames ``begin`` .. ``end`` - 1 of a movie of masks, read into memory."""
    return replace(
        movie,
        masks=_cut(movie.masks, begin, end),
        images=_cut(movie.images, begin, end) if movie.images is not None else None,
    )


def _cut(frames: Frames, begin: int, end: int) -> ArrayFrames:
    return ArrayFrames([frames[index] for index in range(begin, end)], tuple(frames.numbers[begin:end]))
