"""Calibration: from how sure the linking is and how often it was right to probabilities on movies it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom

from cell_tracker_gnn.data import DECISIONS, Floats
from cell_tracker_gnn.graph.scores import Scores
from cell_tracker_gnn.linking.confidence import USUAL_SPREAD, USUAL_WEIGHTS, Confidence
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.evidence import EVIDENCE, Decisions, gather_decisions
from cell_tracker_gnn.linking.problem import Flags
from cell_tracker_gnn.pipeline import link_cells
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example

__all__ = ["Judged", "fit_confidence", "fit_spread", "judge"]

_STEPS = 30

_RIDGE = 0.3
"""Pull towards the usual weights, in decisions."""

_FEWEST_GROUPS = 4
"""Data sets from which the spread between them can be told."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Decisions of the tracker on an annotated movie, and whether they are right.

    Parameters
    ----------
    group
        The data set, so that a spread between data sets can be told.
    weight
        How much the movie counts.
    evidence, right
        By kind of decision: the evidence, shape (k, f), and whether the decision is right, shape (k,).
    """

    group: str
    weight: float
    evidence: Mapping[str, Floats]
    right: Mapping[str, Flags]


def judge(example: Example, scores: Scores, costs: LinkCosts, *, max_gap: int, weight: float = 1.0) -> Judged:
    """Link a labelled graph and compare every decision within the frames of the example with the labels."""
    graph, settings = example.graph, TrackSettings(max_gap=max_gap)
    passages, rewards = link_cells(graph, scores, costs, settings)
    chosen = passages.chosen
    decisions = gather_decisions(graph, scores, rewards, chosen)
    source, target = graph.candidates.source, graph.candidates.target
    wrong = np.bincount(source[chosen & ~example.positive], minlength=len(graph.cells)) > 0
    right = {"link": example.positive, "division": example.divides & ~wrong}
    right |= {"beginning": ~example.parent, "end": ~example.child}
    first, last = example.frames
    inside = (graph.cells.frame >= first) & (graph.cells.frame < last)
    kept = {kind: inside[found.rows] for kind, found in decisions.items() if kind != "link"}
    kept["link"] = (inside[source] & inside[target])[decisions["link"].rows]

    def row(kind: str, found: Decisions) -> Flags:
        return np.asarray(right[kind][found.rows][kept[kind]])

    return Judged(
        example.name.split("/")[0],
        weight,
        {kind: found.evidence[kept[kind]] for kind, found in decisions.items()},
        {kind: row(kind, found) for kind, found in decisions.items()},
    )


def fit_confidence(movies: Sequence[Judged]) -> Confidence:
    """Fit a logistic regression to each kind of decision, and the spread between data sets.

    The weights are drawn to the usual ones, so that a handful of decisions changes little. The spread comes from
    predicting each data set by the others, where there are four or more.
    """
    weights = {kind: _fit_kind(kind, movies) for kind in DECISIONS}
    groups = sorted({movie.group for movie in movies})
    spread = {}
    if len(groups) >= _FEWEST_GROUPS:
        others = {
            group: Confidence({kind: _fit_kind(kind, [m for m in movies if m.group != group]) for kind in DECISIONS})
            for group in groups
        }
        for kind in DECISIONS:
            expected = [float((1 - others[m.group].probability(kind, m.evidence[kind])).sum()) for m in movies]
            wrong = [int((~m.right[kind]).sum()) for m in movies]
            # Movies of one data set are hard or easy together, so they count as one.
            total = {group: sum(m.weight for m in movies if m.group == group) for group in groups}
            spread[kind] = fit_spread(expected, wrong, [m.weight / total[m.group] for m in movies])
    return Confidence(weights, spread)


def fit_spread(expected: Sequence[float], wrong: Sequence[int], weight: Sequence[float]) -> float:
    """Most likely shape of the gamma factor between expected and true numbers, see :class:`Confidence`.

    Parameters
    ----------
    expected, wrong, weight
        Expected and true number of wrong decisions of each movie and how much it counts.
    """
    mean, count = np.maximum(expected, 1e-3), np.asarray(wrong)
    shapes = np.geomspace(0.3, 30.0, 60)
    usual = nbinom.logpmf(count, shapes[:, None], shapes[:, None] / (shapes[:, None] + mean)) @ np.asarray(weight)
    # As if the usual spread had been seen in a few movies before.
    prior = -4.0 * np.abs(np.log(shapes / USUAL_SPREAD))
    return round(float(shapes[int(np.argmax(usual + prior))]), 3)


def _fit_kind(kind: str, movies: Sequence[Judged]) -> dict[str, float]:
    """Weights of one kind of decision; a movie of n decisions counts like the root of n."""
    names = EVIDENCE[kind]
    evidence = np.concatenate([movie.evidence[kind] for movie in movies])
    right = np.concatenate([movie.right[kind] for movie in movies]).astype(np.float64)
    usual = np.array([USUAL_WEIGHTS.get(name, 0.0) for name in names])
    if not len(right):
        return dict(USUAL_WEIGHTS)
    counts = [(movie.weight / max(len(movie.right[kind]), 1) ** 0.5, len(movie.right[kind])) for movie in movies]
    weight = np.concatenate([np.full(count, each) for each, count in counts])
    mean, scale = evidence.mean(axis=0), evidence.std(axis=0)
    # What is the same everywhere, as the evidence of a single movie, keeps its usual weight.
    scale = np.where(scale > 1e-6, scale, 1.0)
    design = np.column_stack([(evidence - mean) / scale, np.ones(len(right))])
    found = _logistic(design, right, weight, np.append(usual * scale, usual @ mean))
    slopes = found[:-1] / scale
    intercept = found[-1] - slopes @ mean
    weights = {name: round(float(slope), 6) for name, slope in zip(names, slopes, strict=True)}
    return weights | {"intercept": round(float(intercept), 6)}


def _logistic(design: Floats, right: Floats, weight: Floats, start: Floats) -> Floats:
    """Newton's method for a logistic regression with a ridge around ``start``, shape (f,)."""
    found = start.copy()
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ found, -30.0, 30.0)))
        gradient = design.T @ (weight * (p - right)) + _RIDGE * (found - start)
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(len(found))
        step = np.linalg.solve(curvature, gradient)
        # Far from the optimum a full step may overshoot.
        step *= min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return found
