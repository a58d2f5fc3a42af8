"""Scores of a tracking result against the truth: the measures of the Cell Tracking Challenge and counts of our own."""

from cell_tracker_gnn.evaluation.scores import evaluate
from cell_tracker_gnn.evaluation.table import format_table, format_verdict

__all__ = ["evaluate", "format_table", "format_verdict"]
