"""Linking: from the model's log-odds to a consistent, globally optimal lineage."""

from cell_tracker_gnn.linking.costs import LinkCosts, LinkRewards, link_rewards
from cell_tracker_gnn.linking.greedy import solve_greedy
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.linking.margin import flip_losses
from cell_tracker_gnn.linking.match import solve_exact
from cell_tracker_gnn.linking.problem import LinkProblem

__all__ = [
    "LinkCosts",
    "LinkProblem",
    "LinkRewards",
    "build_lineage",
    "flip_losses",
    "link_rewards",
    "solve_exact",
    "solve_greedy",
]
