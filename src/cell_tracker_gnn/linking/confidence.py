"""Calibrated probabilities of the decisions of a lineage, and how many of them are expected to be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import special

from cell_tracker_gnn.data import Floats
from cell_tracker_gnn.linking.evidence import EVIDENCE

__all__ = ["USUAL_SPREAD", "USUAL_WEIGHTS", "Confidence", "Estimate"]

USUAL_WEIGHTS = {"margin": 0.5}
"""Weights where nothing better is known: networks are about twice as sure of themselves as they should be."""

USUAL_SPREAD = 1.5
"""Shape of the factor between expected and true number of wrong decisions where nothing better is known."""

_INTERVAL = (0.05, 0.95)


class Estimate(NamedTuple):
    """Expected number of wrong decisions, with an interval that holds the true number in 90 % of movies."""

    expected: float
    low: int
    high: int


@dataclass(frozen=True)
class Confidence:
    """A logistic regression on the evidence of each kind of decision.

    Parameters
    ----------
    weights
        By kind of decision: weight by name of the evidence and ``intercept``; a kind that is missing takes
        :data:`USUAL_WEIGHTS`.
    spread
        By kind of decision: shape k of a gamma distribution of mean 1. The number of wrong decisions of a movie is
        taken as Poisson with the expected number times such a factor, hence negative binomial: a whole movie can be
        harder or easier than its decisions let expect.
    """

    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read plain values such as those of :meth:`as_dict`."""
        return cls(values.get("weights", {}), values.get("spread", {}))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"weights": {kind: dict(of) for kind, of in self.weights.items()}, "spread": dict(self.spread)}

    def probability(self, kind: str, evidence: Floats) -> Floats:
        """Probability that decisions are right, shape (k,).

        Parameters
        ----------
        kind
            One of :data:`~cell_tracker_gnn.data.DECISIONS`.
        evidence
            Their evidence, shape (k, f), see :data:`~cell_tracker_gnn.linking.evidence.EVIDENCE`.
        """
        weights = self.weights.get(kind, USUAL_WEIGHTS)
        vector = np.array([weights.get(name, 0.0) for name in EVIDENCE[kind]])
        odds = evidence @ vector + weights.get("intercept", 0.0)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))))

    def estimate(self, kind: str, probability: Floats) -> Estimate:
        """How many decisions of a movie are expected to be wrong.

        Parameters
        ----------
        kind
            One of :data:`~cell_tracker_gnn.data.DECISIONS`.
        probability
            Probability of each of them to be right, shape (k,).
        """
        expected = float((1.0 - probability).sum())
        if expected <= 0:
            return Estimate(0.0, 0, 0)
        shape = self.spread.get(kind, USUAL_SPREAD)
        low, high = (_negative_binomial_quantile(share, shape, shape / (shape + expected)) for share in _INTERVAL)
        return Estimate(expected, low, min(high, len(probability)))


def _negative_binomial_quantile(share: float, shape: float, success: float) -> int:
    """Least number that is not exceeded with a probability of ``share``; ``scipy.stats`` is slow to import."""
    below, enough = -1, 0
    while special.betainc(shape, enough + 1, success) < share:
        below, enough = enough, 2 * enough + 1
    while enough - below > 1:
        middle = (below + enough) // 2
        if special.betainc(shape, middle + 1, success) < share:
            below = middle
        else:
            enough = middle
    return enough
