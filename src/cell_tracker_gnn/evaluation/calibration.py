"""How well stated probabilities agree with how often they came true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cell_tracker_gnn.data import Floats, Integers

__all__ = ["Reliability", "calibration_error", "caught", "chance_error", "least_certain", "reliability"]

_FEWEST = 50
"""Decisions in a bin: with fewer, chance alone looks like a poor calibration."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Reliability table: mean probability, share of right decisions and number of decisions of each bin, shape (b,)."""

    stated: Floats
    right: Floats
    count: Integers


def reliability(probability: Floats, right: NDArray[np.bool_], bins: int = 15) -> Reliability:
    """Compare probabilities with the truth in bins of equally many decisions.

    Parameters
    ----------
    probability
        Stated probability of each decision, in [0, 1], shape (n,).
    right
        Whether it is right, shape (n,).
    bins
        Largest number of bins; fewer where a bin would hold less than 50 decisions.
    """
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order) // _FEWEST)))
    parts = [part for part in parts if len(part)]
    return Reliability(
        np.array([probability[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


def calibration_error(probability: Floats, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: mean distance of stated probability and share of right decisions over the bins.

    Naeini, Cooper and Hauskrecht (AAAI 2015), with bins of equally many decisions (Nguyen and O'Connor 2015): nearly
    all probabilities of a tracker lie in a single one of the usual bins of equal width.

    Parameters
    ----------
    probability, right, bins
        As for :func:`reliability`.
    """
    table = reliability(probability, right, bins)
    return float(np.average(np.abs(table.stated - table.right), weights=table.count)) if len(probability) else 0.0


def chance_error(probability: Floats, bins: int = 15, *, draws: int = 200, seed: int = 1) -> float:
    """Calibration error that is left to chance if every probability is exactly right.

    The mean over outcomes drawn with these probabilities ("consistency resampling", Broecker and Smith 2007). An error
    of this size says nothing against the probabilities: of few decisions in doubt, the share that comes true wavers.

    Parameters
    ----------
    probability, bins
        As for :func:`reliability`.
    draws, seed
        How often outcomes are drawn, and the seed of the first.
    """
    rng = np.random.default_rng(seed)
    drawn = (rng.random(len(probability)) < probability for _ in range(draws))
    return float(np.mean([calibration_error(probability, right, bins) for right in drawn]))


def least_certain(probability: Floats, share: float = 0.05) -> Integers:
    """Rows of the share of decisions with the lowest probabilities, at least one of any, shape (k,)."""
    count = int(np.ceil(share * len(probability)))
    return np.argsort(probability, kind="stable")[:count]


def caught(probability: Floats, right: NDArray[np.bool_], share: float = 0.05) -> float | None:
    """Share of the wrong decisions that are among the least certain ones; None where nothing is wrong."""
    wrong = int((~right).sum())
    return float((~right[least_certain(probability, share)]).sum() / wrong) if wrong else None
