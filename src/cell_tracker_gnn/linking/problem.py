"""The linking problem that both solvers share: checked, broadcast, in one fixed order, with its objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import LinkingError

__all__ = ["Flags", "LinkProblem"]

Flags = NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class LinkProblem:
    """Candidate links sorted by (source, target) with every cost as an array.

    Parameters
    ----------
    source, target
        Cell at each end of a link, shape (m,).
    reward
        Reward of each link, shape (m,).
    paired
        Whether the link may be one of two children of its source, shape (m,).
    second_child_cost, appear_cost, disappear_cost
        Costs of each cell, shape (n,).
    capacity
        Number of parents each cell may have, shape (n,).
    merge_cost
        Cost of each parent after the first.
    fixed, forbidden
        Links that must be and that must not be chosen, shape (m,).
    order
        Position of each link in the order the caller gave, shape (m,).

    Examples
    --------
    >>> from cell_tracker_gnn.linking import LinkProblem
    >>> links = {"source": [1, 0], "target": [2, 3], "reward": [2.8, 2.5]}
    >>> problem = LinkProblem.pose(**links, cells=4, second_child_cost=9.0, second_child_allowed=True)
    >>> problem.source.tolist(), problem.order.tolist()
    ([0, 1], [1, 0])
    """

    source: Integers
    target: Integers
    reward: Floats
    paired: Flags
    second_child_cost: Floats
    appear_cost: Floats
    disappear_cost: Floats
    capacity: Integers
    merge_cost: float
    fixed: Flags
    forbidden: Flags
    order: Integers

    @classmethod
    def pose(
        cls,
        source: ArrayLike,
        target: ArrayLike,
        reward: ArrayLike,
        *,
        cells: int,
        second_child_cost: ArrayLike,
        second_child_allowed: ArrayLike,
        appear_cost: ArrayLike = 0.0,
        disappear_cost: ArrayLike = 0.0,
        parents: ArrayLike = 1,
        merge_cost: float = 0.0,
        fixed: ArrayLike | None = None,
        forbidden: ArrayLike | None = None,
        divisions: bool = True,
    ) -> Self:
        """Check and sort the links and costs of a problem.

        Parameters
        ----------
        source, target
            Cell at each end of a link, 0 to ``cells - 1``, shape (m,).
        reward
            Reward of each link, shape (m,).
        cells
            Number of cells n.
        second_child_cost
            Cost of a second child, one number or shape (n,), at least ``-disappear_cost``.
        second_child_allowed
            Whether the link may be one of two children of its source, one flag or shape (m,); False for links that
            skip frames.
        appear_cost, disappear_cost
            Cost of a cell without a parent and without a child, one number or shape (n,).
        parents
            Number of parents a cell may have, one number or shape (n,).
        merge_cost
            Cost of each parent after the first, at least ``-appear_cost`` where a cell may have several.
        fixed, forbidden
            Links that must be and that must not be chosen, shape (m,).
        divisions
            Whether any cell may have two children.

        Raises
        ------
        LinkingError
            If shapes, cells or numbers are unusable, or if fixed and forbidden links contradict each other.
        """
        links = np.size(source)
        ends = [_spread(name, end, links, np.int64) for name, end in (("source", source), ("target", target))]
        order = _order(ends[0], ends[1], cells)
        problem = cls(
            source=ends[0][order],
            target=ends[1][order],
            reward=_spread("reward", reward, links, np.float64)[order],
            paired=_spread("second_child_allowed", second_child_allowed, links, np.bool_)[order] & divisions,
            second_child_cost=_spread("second_child_cost", second_child_cost, cells, np.float64),
            appear_cost=_spread("appear_cost", appear_cost, cells, np.float64),
            disappear_cost=_spread("disappear_cost", disappear_cost, cells, np.float64),
            capacity=_spread("parents", parents, cells, np.int64),
            merge_cost=float(merge_cost),
            fixed=_spread("fixed", False if fixed is None else fixed, links, np.bool_)[order],
            forbidden=_spread("forbidden", False if forbidden is None else forbidden, links, np.bool_)[order],
            order=order,
        )
        problem._check_costs()
        problem._check_fixed()
        return problem

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.capacity)

    def in_given_order(self, chosen: Flags) -> Flags:
        """Put flags of the sorted links back into the order the caller gave."""
        given = np.zeros_like(chosen)
        given[self.order] = chosen
        return given

    def children(self, chosen: Flags) -> Integers:
        """Count the chosen children of each cell, shape (n,)."""
        return np.bincount(self.source[chosen], minlength=self.cells)

    def parents(self, chosen: Flags) -> Integers:
        """Count the chosen parents of each cell, shape (n,)."""
        return np.bincount(self.target[chosen], minlength=self.cells)

    def paid(self, chosen: Flags) -> Floats:
        """Costs that each cell pays for its children and parents in a choice of the sorted links, shape (n,)."""
        children, parents = self.children(chosen), self.parents(chosen)
        return np.asarray(
            np.where(children > 1, self.second_child_cost, 0.0)
            + np.where(children == 0, self.disappear_cost, 0.0)
            + np.where(parents == 0, self.appear_cost, 0.0)
            + self.merge_cost * np.maximum(parents - 1, 0)
        )

    def value(self, chosen: Flags) -> float:
        """Objective of a choice of the sorted links: rewards minus costs."""
        return float(self.reward[chosen].sum() - self.paid(chosen).sum())

    def _check_costs(self) -> None:
        for name in ("reward", "second_child_cost", "appear_cost", "disappear_cost"):
            bad = ~np.isfinite(getattr(self, name))
            if np.any(bad):
                raise LinkingError(f"{name} is not finite in {int(bad.sum())} places; clip the log-odds before linking")
        may_divide = np.zeros(self.cells, np.bool_)
        may_divide[self.source[self.paired]] = True
        dear = np.flatnonzero(may_divide & (self.second_child_cost < -self.disappear_cost))
        if len(dear):
            raise LinkingError(
                f"a second child is worth more than the first one at {_name(dear)}; "
                "raise second_child_cost to at least -disappear_cost there"
            )
        dear = np.flatnonzero((self.capacity > 1) & (self.merge_cost < -self.appear_cost))
        if len(dear):
            raise LinkingError(
                f"a second parent is worth more than the first one at {_name(dear)}; "
                "raise merge_cost to at least -appear_cost there"
            )

    def _check_fixed(self) -> None:
        both = self.fixed & self.forbidden
        if np.any(both):
            cells = np.unique(np.concatenate([self.source[both], self.target[both]]))
            raise LinkingError(f"links of {_name(cells)} are fixed and forbidden at once; take one of the two back")
        crowded = np.flatnonzero(self.parents(self.fixed) > self.capacity)
        if len(crowded):
            raise LinkingError(f"{_name(crowded)} would get more parents than allowed; fix fewer links into it")
        children = self.children(self.fixed)
        crowded = np.flatnonzero(children > 2)
        if len(crowded):
            raise LinkingError(f"{_name(crowded)} would get more than two children; fix fewer links out of it")
        crowded = np.unique(self.source[self.fixed & ~self.paired])
        crowded = crowded[children[crowded] > 1]
        if len(crowded):
            raise LinkingError(
                f"{_name(crowded)} would divide by a link that cannot be part of a division "
                "(it skips frames or divisions are off); fix one of its two children only"
            )


def _spread(name: str, values: ArrayLike, length: int, dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """Spread a number or an array to shape (length,)."""
    array = np.asarray(values)
    if array.shape not in ((), (length,)):
        raise LinkingError(f"{name} has shape {array.shape} where ({length},) is needed; give one value for each")
    return np.ascontiguousarray(np.broadcast_to(array.astype(dtype), (length,)))


def _order(source: Integers, target: Integers, cells: int) -> Integers:
    """Check the ends of the links and give their order by source and target."""
    ends = np.concatenate([source, target])
    if len(ends) and (ends.min() < 0 or ends.max() >= cells):
        raise LinkingError(f"a link names a cell outside 0 to {cells - 1}; correct source and target")
    loops = np.flatnonzero(source == target)
    if len(loops):
        raise LinkingError(f"{_name(source[loops])} is linked to itself; remove the link")
    keys = source * cells + target
    order = np.argsort(keys)
    twice = keys[order][1:][np.diff(keys[order]) == 0]
    if len(twice):
        raise LinkingError(f"two links leave {_name(twice // cells)} for the same cell; give each link once")
    return order


def _name(cells: NDArray[np.generic]) -> str:
    """Name up to five cells."""
    shown = ", ".join(str(cell) for cell in cells[:5])
    rest = f" and {len(cells) - 5} more" if len(cells) > 5 else ""
    return f"cell {shown}" if len(cells) == 1 else f"cells {shown}{rest}"
