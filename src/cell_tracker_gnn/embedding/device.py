"""Where networks compute: the device, its precision, and batches that fit into its memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from cell_tracker_gnn.errors import ModelError, SettingsError

__all__ = ["choose_device", "in_batches", "precision"]


def choose_device(name: str) -> torch.device:
    """The device to compute on; never falls back silently.

    Raises
    ------
    SettingsError
        If the device does not exist on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    present = {
        "cpu": not number,
        "cuda": torch.cuda.is_available() and int(number if number.isdigit() else 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available() and not number,
    }
    if kind not in present or (number and not number.isdigit()):
        raise SettingsError(f"the device {name!r} is unknown; choose auto, cpu, cuda, cuda:N or mps")
    if not present[kind]:
        raise SettingsError(f"the device {name!r} is not available on this machine; use --device auto or cpu")
    return torch.device(name)


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision with 16-bit brain floats on a GPU that has them, else none.

    It is for the embedding only, whose likenesses need no more than three digits. The network that weighs the links
    computes in full precision everywhere: it costs little, and its sums over links want numbers of one kind.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def in_batches(compute: Callable[[slice], None], count: int, size: int, device: torch.device) -> int:
    """Compute rows batch by batch, in half as large ones from where the memory of the device is too small.

    Parameters
    ----------
    compute
        Computes the rows of a slice.
    count
        Number of rows.
    size
        Rows of a batch to begin with.
    device
        Where it computes.

    Returns
    -------
    int
        Rows of a batch in the end.

    Raises
    ------
    ModelError
        If the memory is too small for a single row.
    """
    begin = 0
    while begin < count:
        try:
            compute(slice(begin, min(begin + size, count)))
        except torch.cuda.OutOfMemoryError as error:
            if size == 1:
                raise ModelError(
                    f"the memory of {device} is too small to embed a single cell; free some of it or use --device cpu"
                ) from error
        else:
            begin += size
            continue
        # Only here, after the error is forgotten, is the memory of the failed batch free.
        size //= 2
        torch.cuda.empty_cache()
    return size
