"""Tracking scores and a picture of the validation frames while the network is trained."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cell_tracker_gnn.data import Cells, Lineage
from cell_tracker_gnn.evaluation.chota import chota
from cell_tracker_gnn.evaluation.comparison import Comparison
from cell_tracker_gnn.evaluation.ctc import graph_measures
from cell_tracker_gnn.evaluation.lineage import CheckedLineage
from cell_tracker_gnn.evaluation.matching import FrameMatch
from cell_tracker_gnn.io.output import new_file
from cell_tracker_gnn.linking.costs import LinkCosts
from cell_tracker_gnn.linking.lineage import build_lineage
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import Network
from cell_tracker_gnn.pipeline import choose_links, reward_links
from cell_tracker_gnn.settings import TrackSettings
from cell_tracker_gnn.training.examples import Example

__all__ = ["PICTURE", "TrackingScores", "draw_links", "link_examples", "tracking_scores"]

PICTURE = "validation-links.png"
"""Name of the picture in the folder of the logs; the last one stays."""

MOST_EXAMPLES = 4
"""So many validation sequences are tracked; more would cost more than the epochs between."""

SIDE = 700
"""Larger side of the picture in pixels."""

RIGHT, WRONG, MISSED = (150, 150, 150), (230, 60, 50), (60, 120, 230)

_log = logging.getLogger(__name__)


def link_examples(network: Network, examples: Sequence[Example], *, max_gap: int) -> list[NDArray[np.bool_]]:
    """The chosen links of each example with the usual costs, shape (m,) each."""
    settings = TrackSettings(max_gap=max_gap)
    device = next(network.parameters()).device
    found = []
    for example in examples:
        rewards = reward_links(example.graph, score_graph(network, example.graph, device=device), LinkCosts())
        found.append(choose_links(example.graph, rewards, settings))
    return found


def tracking_scores(example: Example, chosen: NDArray[np.bool_]) -> dict[str, float]:
    """LNK and CHOTA of chosen links against the true candidates, both over the same detections.

    Cells that the masks miss or invent, and true links that are no candidates, are the same on both sides: the scores
    judge the linking alone. So they are not those of a result against its ground truth.
    """
    truth, result = (_lineage(example, links) for links in (example.positive, chosen))
    if not len(example.graph.cells):
        return {}
    comparison = Comparison(_checked(truth), _checked(result), _matches(truth, result))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = {"LNK": graph_measures(comparison)["LNK"], "CHOTA": chota(comparison)}
    return {name: value for name, value in scores.items() if value is not None}


def _lineage(example: Example, chosen: NDArray[np.bool_]) -> Lineage:
    candidates = example.graph.candidates
    return build_lineage(example.graph.cells, candidates.source, candidates.target, 1.0 * chosen, chosen)


def _checked(lineage: Lineage) -> CheckedLineage:
    tracks = lineage.tracks
    return CheckedLineage(np.column_stack([tracks.track, tracks.begin, tracks.end, tracks.parent]).astype(np.int64))


def _matches(truth: Lineage, result: Lineage) -> list[FrameMatch]:
    """Every detection is its own match."""
    cells = truth.cells
    bound = np.searchsorted(cells.frame, np.arange(len(cells.numbers) + 1))
    matches = []
    for first, last in pairwise(bound.tolist()):
        own, found = truth.track[first:last], result.track[first:last]
        order = np.argsort(own)
        matches.append(FrameMatch(np.sort(own), np.sort(found), own[order], found[order], np.ones(last - first)))
    return matches


def draw_links(example: Example, chosen: NDArray[np.bool_]) -> Image.Image:
    """Paths of the cells over the field: right links grey, wrong ones red, missed ones blue.

    Parameters
    ----------
    example
        The labelled graph; volumes are seen along z.
    chosen
        Which candidates are links, shape (m,).
    """
    cells: Cells = example.graph.cells
    place = cells.centroid[:, -2:] if len(cells) else np.zeros((0, 2))
    height, width = cells.shape[-2:]
    zoom = SIDE / max(height, width, 1)
    picture = Image.new("RGB", (max(round(width * zoom), 1), max(round(height * zoom), 1)), "white")
    pen = ImageDraw.Draw(picture)
    true, candidates = example.positive, example.graph.candidates
    for kind, color, thick in ((chosen & true, RIGHT, 1), (true & ~chosen, MISSED, 3), (chosen & ~true, WRONG, 3)):
        for source, target in zip(candidates.source[kind].tolist(), candidates.target[kind].tolist(), strict=True):
            ends = [tuple((zoom * place[row])[::-1]) for row in (source, target)]
            pen.line(ends, fill=color, width=thick)
    for y, x in zoom * place[cells.frame == cells.frame.max(initial=0)]:
        pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=(0, 0, 0))
    return picture


class TrackingScores(Callback):
    """Tracks the validation frames every few epochs, logs LNK and CHOTA and draws the links.

    Parameters
    ----------
    validation
        Labelled graphs; the first few are tracked.
    every
        Epochs between two scores.
    max_gap
        Number of frames a cell may be missed.
    folder
        Where the picture goes; none is drawn when left out.
    """

    def __init__(self, validation: Sequence[Example], *, every: int, max_gap: int, folder: Path | None = None) -> None:
        self.examples = [example.cut_out() for example in validation[:MOST_EXAMPLES]]
        self.every, self.max_gap, self.folder = every, max_gap, folder

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Score the averaged weights, which are in place during validation."""
        epoch = trainer.current_epoch + 1
        if trainer.global_rank or (epoch % self.every and epoch != trainer.max_epochs):
            return
        chosen = link_examples(cast(Network, pl_module.network), self.examples, max_gap=self.max_gap)
        found = [tracking_scores(*pair) for pair in zip(self.examples, chosen, strict=True)]
        for name in ("LNK", "CHOTA"):
            values = [scores[name] for scores in found if name in scores]
            if values:
                pl_module.log(f"validation_{name}", float(np.mean(values)), rank_zero_only=True)
        if self.folder is not None:
            _write(draw_links(self.examples[0], chosen[0]), self.folder, trainer)


def _write(picture: Image.Image, folder: Path, trainer: lightning.Trainer) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with new_file(folder / PICTURE) as temporary:
        picture.save(temporary, format="PNG")
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image("validation links", np.asarray(picture), trainer.global_step, dataformats="HWC")
