"""Which masks a result was made of, as a number that other masks do not have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Movie, Points, WrappedFrames

__all__ = ["HashedFrames", "join_digests", "movie_sha256"]

_BYTES = (1, 2, 4, 8)


@dataclass(frozen=True, eq=False)
class HashedFrames(WrappedFrames):
    """Masks that remember a hash of every frame that was read, in whatever order.

    Parameters
    ----------
    frames
        The masks.
    """

    _digests: dict[int, bytes] = field(default_factory=dict, repr=False)

    def __getitem__(self, index: int, /) -> NDArray[np.generic]:
        place = range(len(self))[index]
        frame = self.frames[place]
        if place not in self._digests:
            self._digests[place] = _frame_digest(frame, self.numbers[place])
        return frame

    def sha256(self) -> str:
        r"""Hash of all frames; those that were not read so far are read now.

        The SHA-256 of the SHA-256 of all frames, one after the other. What is hashed of a frame is the line ``"NUMBER
        SHAPE BYTES\n"``, as in ``"7 512x512 2"``, and the labels in C order as little-endian unsigned integers of
        BYTES bytes: 1, 2, 4 or 8, the fewest that hold the largest label. So neither the type nor the compression of
        the files matters, but frame numbers and every pixel do.
        """
        return join_digests([self.digests(0, len(self))])

    def digests(self, begin: int, end: int) -> NDArray[np.uint8]:
        """The hashes of the frames ``begin`` .. ``end`` - 1, shape (end - begin, 32); for :func:`join_digests`."""
        for place in range(begin, end):
            if place not in self._digests:
                _ = self[place]
        joined = b"".join(self._digests[place] for place in range(begin, end))
        return np.frombuffer(joined, np.uint8).reshape(-1, hashlib.sha256().digest_size)


def join_digests(digests: Iterable[NDArray[np.uint8]]) -> str:
    """The hash of a movie from the hashes of all its frames, see :meth:`HashedFrames.digests`, in their order."""
    return hashlib.sha256(b"".join(part.tobytes() for part in digests)).hexdigest()


def movie_sha256(movie: Movie) -> str:
    """Hash of the masks of a movie or, for a movie of points, of frame number, label and position of each of them."""
    if movie.points is not None:
        return _points_digest(movie.points, movie.numbers)
    return (movie.masks if isinstance(movie.masks, HashedFrames) else HashedFrames(movie.masks)).sha256()


def _frame_digest(frame: NDArray[np.generic], number: int) -> bytes:
    largest = int(frame.max(initial=0))
    size = next(count for count in _BYTES if largest < 256**count)
    shape = "x".join(str(length) for length in frame.shape)
    digest = hashlib.sha256(f"{number} {shape} {size}\n".encode())
    digest.update(np.ascontiguousarray(frame, dtype=f"<u{size}").data)
    return digest.digest()


def _points_digest(points: Points, numbers: tuple[int, ...]) -> str:
    digest = hashlib.sha256(np.asarray(numbers, "<i8")[points.frame].tobytes())
    digest.update(points.label.astype("<i8").tobytes())
    digest.update(points.position.astype("<f8").tobytes())
    return digest.hexdigest()
