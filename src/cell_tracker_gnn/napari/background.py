"""Work in a thread that says how far it is and can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from cell_tracker_gnn.errors import CellTrackerError
from cell_tracker_gnn.pipeline import Progress

__all__ = ["Background"]


class _Cancelled(Exception):  # noqa: N818
    """The user does not want the result any more."""


class Background(QObject):
    """One piece of work at a time.

    ``progressed`` is emitted with the stage, how much of it is done and how much there is; ``ended`` with a sentence
    when the work has failed or was cancelled, with an empty one otherwise. Both arrive in the thread of the window.
    """

    progressed = Signal(str, int, int)
    ended = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._cancel = Event()
        self._worker: Any = None

    @property
    def is_busy(self) -> bool:
        """Whether something is going on."""
        return self._worker is not None

    def start(self, work: Callable[[Progress], Any], done: Callable[[Any], None]) -> None:
        """Begin: ``work`` is called in a thread with what it reports to, and ``done`` in this one with its result."""
        self._cancel.clear()
        self._worker = create_worker(work, self._report, _start_thread=False, _ignore_errors=True)
        self._worker.returned.connect(lambda result: self._finish(result, done))
        self._worker.errored.connect(self._fail)
        self._worker.start()

    def cancel(self) -> None:
        """Ask the work to stop, which it does at its next sign of progress."""
        self._cancel.set()

    def _report(self, stage: str, done: int, total: int) -> None:
        if self._cancel.is_set():
            raise _Cancelled
        self.progressed.emit(stage, done, total)

    def _finish(self, result: Any, done: Callable[[Any], None]) -> None:
        self._worker = None
        message = ""
        try:
            done(result)
        except CellTrackerError as error:
            message = str(error)
        self.ended.emit(message)

    def _fail(self, error: Exception) -> None:
        self._worker = None
        known = isinstance(error, CellTrackerError)
        self.ended.emit("Cancelled." if isinstance(error, _Cancelled) else str(error) if known else "An unknown error.")
        if not known and not isinstance(error, _Cancelled):
            raise error
