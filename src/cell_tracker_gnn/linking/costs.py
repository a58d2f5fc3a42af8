"""From log-odds of links and cells to the rewards and costs that the solvers weigh against each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import LinkingError, SettingsError

__all__ = ["LinkCosts", "LinkRewards", "link_rewards"]

_NEVER = 1e3
"""Cost of a link that must not be chosen, in nats."""


@dataclass(frozen=True)
class LinkCosts:
    """What the solvers add to the evidence of the model, in nats (natural log-odds).

    Parameters
    ----------
    bias
        Added to the log-odds of every link, but not of those to cells that came into the field, and only in part of
        those to cells near its border; larger values link more.
    division
        Cost of a second child, 0 or more.
    gap
        Cost of each frame that a link skips, 0 or more.
    merge
        Cost of each parent after the first, 0 or more; only matters where a cell may have several parents.

    Raises
    ------
    SettingsError
        If a value is not finite or a cost is negative.

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkCosts
    >>> LinkCosts(division=2.0).as_dict()
    {'bias': 4.0, 'division': 2.0, 'gap': 0.0, 'merge': 3.0}
    """

    bias: float = 4.0
    division: float = 1.0
    gap: float = 0.0
    merge: float = 3.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not np.isfinite(value):
                raise SettingsError(f"the linking cost {name!r} is {value}; give a finite number")
            if name != "bias" and value < 0:
                raise SettingsError(f"the linking cost {name!r} is {value}; give 0 or a positive number")

    def as_dict(self) -> dict[str, float]:
        """Return the costs as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class LinkRewards:
    """The objective of the solvers, named like their arguments.

    Parameters
    ----------
    reward
        Reward of choosing each link, shape (m,).
    second_child_allowed
        Whether the link may be one of two children of its source, shape (m,).
    second_child_cost
        Cost of a second child of each cell, shape (n,).
    appear_cost, disappear_cost
        Cost of each cell without a parent and without a child, shape (n,).
    merge_cost
        Cost of each parent after the first.
    fixed, forbidden
        Links that must be and that must not be chosen, shape (m,); none when left out.

    Examples
    --------
    >>> from cell_tracker_gnn.linking import link_rewards
    >>> rewards = link_rewards([3.0, -2.0], frame_gap=[1, 2], cells=3)
    >>> rewards.second_child_allowed.tolist()
    [True, False]
    """

    reward: Floats
    second_child_allowed: NDArray[np.bool_]
    second_child_cost: Floats
    appear_cost: Floats
    disappear_cost: Floats
    merge_cost: float
    fixed: NDArray[np.bool_] | None = None
    forbidden: NDArray[np.bool_] | None = None

    def without(self, links: Integers) -> LinkRewards:
        """Return the same objective with some links that no lineage takes."""
        reward = self.reward.copy()
        reward[links] = -_NEVER
        return replace(self, reward=reward)

    def as_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of the solvers other than the links and their reward."""
        return {name: value for name, value in vars(self).items() if name != "reward"}


def link_rewards(
    log_odds: ArrayLike,
    frame_gap: ArrayLike,
    *,
    cells: int,
    costs: LinkCosts | None = None,
    appears: ArrayLike | None = None,
    disappears: ArrayLike | None = None,
    divides: ArrayLike | None = None,
    came_in: ArrayLike | None = None,
) -> LinkRewards:
    """Turn log-odds into the objective of the solvers.

    A link is worth ``log_odds + bias * (1 - came_in) - gap * (frame_gap - 1)``. A cell without
    a parent pays ``-appears``, one without a child ``-disappears``, one with two children ``division - divides``. The
    cost of a second child never falls below ``disappears``, so that the first child is always worth at least as much
    as the second one: this keeps the optimum a matching.

    Parameters
    ----------
    log_odds
        Log-odds that each link is right, nats, shape (m,).
    frame_gap
        Number of frames from the source to the target, 1 for consecutive frames, shape (m,).
    cells
        Number of cells n.
    costs
        The costs; the defaults when left out.
    appears, disappears, divides
        Log-odds that a cell has no parent, has no child, has two children, shape (n,); left out they do not count.
    came_in
        How far the target of each link is to be taken for a cell that came into the field, from 0 to 1, shape (m,);
        left out, none did. The bias says that most cells have a parent; these have none.

    Raises
    ------
    LinkingError
        If the shapes differ, a number is not finite or a frame gap is below 1.

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkCosts, link_rewards
    >>> link_rewards([3.0, -2.0], frame_gap=[1, 2], cells=3, costs=LinkCosts(bias=4.0, gap=1.0)).reward.tolist()
    [7.0, 1.0]
    """
    costs = costs or LinkCosts()
    odds = _finite("the log-odds of the links", log_odds, None)
    gap = _finite("the frame gaps of the links", frame_gap, len(odds))
    if np.any(gap < 1):
        raise LinkingError(f"link {int(np.argmax(gap < 1))} has a frame gap below 1; link cells to later frames only")
    end_odds = _finite("the log-odds of disappearing", disappears, cells)
    start_odds = _finite("the log-odds of appearing", appears, cells)
    split_odds = _finite("the log-odds of dividing", divides, cells)
    biased = 1.0 - _finite("the links to cells that came in", came_in, len(odds))
    return LinkRewards(
        reward=odds + costs.bias * biased - costs.gap * (gap - 1),
        second_child_allowed=gap == 1,
        second_child_cost=np.maximum(costs.division - split_odds, end_odds),
        appear_cost=np.maximum(-start_odds, -costs.merge),
        disappear_cost=-end_odds,
        merge_cost=costs.merge,
    )


def _finite(name: str, values: ArrayLike | None, length: int | None) -> Floats:
    """Values as finite floats of shape (length,), zeros when left out."""
    array = np.zeros(length or 0) if values is None else np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise LinkingError(f"{name} have shape {array.shape} where ({length},) is needed; give one number for each")
    if not np.all(np.isfinite(array)):
        raise LinkingError(
            f"{name} hold a value that is not finite at row {int(np.argmin(np.isfinite(array)))}; clip them"
        )
    return array
