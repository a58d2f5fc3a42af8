"""The linking problem as an integer program, for the few components that a plain matching cannot express."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from cell_tracker_gnn.data import Floats, Integers
from cell_tracker_gnn.errors import LinkingError
from cell_tracker_gnn.linking.problem import Flags

__all__ = ["solve_program"]


def solve_program(
    source: Integers,
    target: Integers,
    reward: Floats,
    paired: Flags,
    *,
    out_gains: Floats,
    in_gains: Floats,
) -> Flags:
    """Choose links by HiGHS such that a link that cannot be part of a division is its source's only child.

    Parameters
    ----------
    source, target
        Row of ``out_gains`` and of ``in_gains`` for each link, shape (m,).
    reward
        Reward of each link, shape (m,).
    paired
        Whether the link may be one of two children, shape (m,).
    out_gains, in_gains
        Gain of the first, second, ... child and parent of each cell, -inf where there is no room, non-increasing in
        the finite ones, shapes (a, 2) and (b, c).

    Returns
    -------
    Flags
        Chosen links, shape (m,).

    Raises
    ------
    LinkingError
        If the solver gives up.
    """
    # Hardly any movie needs it, and it takes a tenth of a second to import.
    from scipy.optimize import Bounds, LinearConstraint, milp

    links, fathers, sons = len(source), len(out_gains), len(in_gains)
    column = np.arange(links)
    out_sum = _incidence(source, column, fathers, links)
    in_sum = _incidence(target, column, sons, links)
    out_room = _incidence(np.repeat(np.arange(fathers), 2), np.arange(2 * fathers), fathers, 2 * fathers)
    in_room = _incidence(np.repeat(np.arange(sons), in_gains.shape[1]), np.arange(in_gains.size), sons, in_gains.size)
    alone = np.flatnonzero(~paired)
    exclusive = hstack(
        [
            _incidence(source[alone], alone, fathers, links),
            _incidence(np.arange(fathers), 2 * np.arange(fathers) + 1, fathers, 2 * fathers),
            csr_array((fathers, in_gains.size)),
        ]
    )
    balance = vstack(
        [
            hstack([out_sum, -out_room, csr_array((fathers, in_gains.size))]),
            hstack([in_sum, csr_array((sons, 2 * fathers)), -in_room]),
        ]
    )
    gains = np.concatenate([out_gains.ravel(), in_gains.ravel()])
    open_ = np.isfinite(gains)
    result = milp(
        -np.concatenate([reward, np.where(open_, gains, 0.0)]),
        integrality=np.ones(links + len(gains)),
        bounds=Bounds(0.0, np.concatenate([np.ones(links), open_.astype(np.float64)])),
        constraints=[LinearConstraint(balance, 0.0, 0.0), LinearConstraint(exclusive, -np.inf, 1.0)],
        options={"mip_rel_gap": 0.0},
    )
    if result.x is None:
        raise LinkingError(f"{links} links could not be solved together ({result.message}); use the greedy linker")
    return np.asarray(result.x[:links] > 0.5)


def _incidence(rows: Integers, columns: Integers, height: int, width: int) -> csr_array:
    """Sparse matrix of ones."""
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(height, width))
