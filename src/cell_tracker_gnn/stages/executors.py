"""Who computes the pieces: this process, processes of this machine, or the workers of a dask scheduler."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, TypeVar

from cell_tracker_gnn.errors import SettingsError, WorkerError

__all__ = [
    "choose_workers",
    "dask_executor",
    "limit_threads",
    "process_pool",
    "thread_pool",
    "usable_cores",
    "work_through",
]

T = TypeVar("T")

ANSWERS_WITHIN = 10
"""Seconds within which a scheduler must answer."""

_REMEDY = "take fewer --workers and continue with --resume"

FEW_PIXELS = 5e8
"""Movies of fewer pixels are measured before several processes would have started."""


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_workers(workers: int | None, *, pixels: float, pieces: int) -> int:
    """Number of processes.

    Parameters
    ----------
    workers
        What the user says, or None.
    pixels
        Pixels of all frames.
    pieces
        Number of pieces of work.
    """
    if workers is None:
        workers = usable_cores() if pixels >= FEW_PIXELS else 1
    return max(1, min(workers, pieces))


def limit_threads(threads: int) -> None:
    """Let the libraries that compute in threads of their own use no more than these in this process."""
    import cv2
    import torch

    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)


@contextmanager
def thread_pool(workers: int, threads: int | None = None) -> Iterator[Executor]:
    """Some threads of this process, for a movie that lies in its memory; see :func:`process_pool`."""
    limit_threads(threads or max(1, usable_cores() // workers))
    with ThreadPoolExecutor(workers) as pool:
        yield pool


@contextmanager
def process_pool(workers: int, threads: int | None = None) -> Iterator[Executor]:
    """Some processes of this machine.

    Parameters
    ----------
    workers
        Number of processes.
    threads
        Threads of each; the cores are shared out when left out.
    """
    others = set(multiprocessing.active_children())
    each = threads or max(1, usable_cores() // workers)
    # A forked process would inherit locks of threads that it has not; a fresh one loads only what its pieces need.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(each,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    pool.shutdown()


def _begin_worker(threads: int) -> None:
    """Make a process that ends with its parent, leaves Ctrl-C to it and repeats none of its warnings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("cell_tracker_gnn").setLevel(logging.ERROR)
    # Read by the numerical libraries when they are loaded, which is later.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import cv2

    cv2.setNumThreads(threads)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def dask_executor(address: str, *, workers: int | None = None, threads: int | None = None) -> Iterator[Executor]:
    """The workers of a dask.distributed scheduler.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://host:8786``, or ``"local"`` for a cluster of processes on this machine.
    workers, threads
        Number of processes of a local cluster and of the threads of each; one process per core when left out.

    Raises
    ------
    SettingsError
        If dask is not installed or no scheduler answers.
    WorkerError
        If workers die again and again on the same piece.
    """
    try:
        import distributed
    except ImportError as error:
        raise SettingsError("--dask needs dask; run: pip install 'cell-tracker-gnn[cluster]'") from error
    with ExitStack() as stack:
        if address == "local":
            number = workers or usable_cores()
            cluster = distributed.LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None)
            place: Any = stack.enter_context(cluster)
        else:
            place = address
        try:
            client = stack.enter_context(distributed.Client(place, timeout=ANSWERS_WITHIN))
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"no dask scheduler answers at {address} ({error}); start one with 'dask scheduler' or correct --dask"
            ) from error
        if threads:
            client.run(limit_threads, threads)
        try:
            yield client.get_executor(pure=False)
        except distributed.KilledWorker as error:
            raise WorkerError(f"dask workers died again and again ({error}); {_REMEDY}") from error


def work_through(
    executor: Executor | None, compute: Callable[..., T], calls: Iterable[tuple[Any, ...]], *, at_once: int
) -> Iterator[tuple[tuple[Any, ...], T]]:
    """Compute pieces, in this process where there is no executor, and give each call with its result when it is done.

    Parameters
    ----------
    executor
        Who computes.
    compute
        The function.
    calls
        Its arguments for each piece; they are made when there is room for the piece.
    at_once
        Pieces that are handed over at a time.

    Raises
    ------
    WorkerError
        If a process died.
    """
    if executor is None:
        yield from ((call, compute(*call)) for call in calls)
        return
    waiting = iter(calls)
    pending: dict[Future[T], tuple[Any, ...]] = {}
    try:
        while True:
            for call in islice(waiting, at_once - len(pending)):
                pending[executor.submit(compute, *call)] = call
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    except BrokenExecutor as error:
        raise WorkerError(f"a worker process died, perhaps because the memory was full; {_REMEDY}") from error
    finally:
        for future in pending:
            future.cancel()
