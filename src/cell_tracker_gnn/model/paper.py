"""The network of the paper, every dimension as published.

T. Ben-Haim and T. Riklin-Raviv, "Graph Neural Network for Cell Tracking in Microscopy Videos", ECCV 2022
(arXiv 2202.04731). It sees the measured and the learned features of the cells as they are, scaled to [0, 1] over the
training data, and nothing that is computed per link beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.graph.neighbourhood import Description, Neighbourhood
from cell_tracker_gnn.model.blocks import PathfinderConvolution, mlp
from cell_tracker_gnn.model.tracker import Logits, TrackerNetwork, input_scale, read_neighbourhood

__all__ = ["Network", "PaperConfig", "PaperNetwork"]

CELL_HIDDEN, CELL_WIDTH = 64, 16
LINK_HIDDEN, LINK_WIDTH = 128, 64
CLASSIFIER = (128, 32)
WEIGHT_HIDDEN = 16


@dataclass(frozen=True)
class PaperConfig:
    """Sizes of the paper's network.

    Parameters
    ----------
    measured
        Number of measured features of a cell.
    learned
        Width of the embedding.
    blocks
        Rounds of messages.
    dropout
        Dropout in the classifier.
    undirected
        Whether messages also flow backwards in time.
    neighbourhood
        Which candidate links it was made for.
    """

    measured: int
    learned: int
    blocks: int = 6
    dropout: float = 0.2
    undirected: bool = False
    neighbourhood: Neighbourhood = Neighbourhood()

    def __post_init__(self) -> None:
        if self.measured < 1 or self.learned < 0 or self.blocks < 1 or not 0 <= self.dropout < 1:
            raise SettingsError(f"the sizes {asdict(self)} of the paper's network are out of range; correct them")

    def as_dict(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The sizes from plain values."""
        return cls(**(values | read_neighbourhood(values)))


class PaperNetwork(nn.Module):
    """Two cell encoders, a link encoder, ``blocks`` rounds of PDN-Conv with link updates, and a link classifier.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    cell_low: Tensor
    cell_range: Tensor

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.measured + config.learned
        self.register_buffer("cell_low", torch.zeros(inputs))
        self.register_buffer("cell_range", torch.ones(inputs))
        self.encode_measured = mlp(config.measured, CELL_HIDDEN, CELL_WIDTH)
        self.encode_learned = mlp(max(config.learned, 1), CELL_HIDDEN, CELL_WIDTH)
        width = CELL_WIDTH * (2 if config.learned else 1)
        raw = inputs + (2 if config.learned else 1)
        self.encode_link = mlp(raw + 3 * width + 1, LINK_HIDDEN, LINK_WIDTH)
        self.convolve = nn.ModuleList(
            PathfinderConvolution(width, width, LINK_WIDTH, WEIGHT_HIDDEN) for _ in range(config.blocks)
        )
        self.update_link = nn.ModuleList(
            mlp(LINK_WIDTH + 3 * width + 1, LINK_HIDDEN, LINK_WIDTH) for _ in range(config.blocks)
        )
        self.classify_link = mlp(LINK_WIDTH, *CLASSIFIER, 1, dropout=config.dropout)

    @property
    def describe(self) -> Description:
        """What it is shown of a movie."""
        return Description("measured", self.config.neighbourhood)

    def scale_inputs(
        self, cell_features: Sequence[Tensor], link_features: Sequence[Tensor], how: str = "min-max"
    ) -> None:
        """Scale each feature by the training data, as published to 0 .. 1; ``link_features`` are not used."""
        shift, scale = input_scale(cell_features, how)
        self.cell_low.copy_(shift)
        self.cell_range.copy_(scale.clamp_min(1e-6))

    def forward(
        self,
        cell_features: Tensor,
        link_features: Tensor,
        source: Tensor,
        target: Tensor,
        window: Tensor | None = None,
    ) -> Logits:
        """Log-odds of the links; beginnings, ends and divisions are left at 0.

        ``link_features`` and ``window`` belong to the default network and are not used.
        """
        raw = (cell_features - self.cell_low) / self.cell_range
        measured, learned = torch.split(raw, [self.config.measured, self.config.learned], dim=1)
        encoded = [self.encode_measured(measured)]
        alike = [cosine_similarity(measured[source], measured[target], dim=1)[:, None]]
        if self.config.learned:
            encoded.append(self.encode_learned(learned))
            alike.append(cosine_similarity(learned[source], learned[target], dim=1)[:, None])
        cells = torch.cat(encoded, dim=1)
        links = self.encode_link(
            torch.cat([(raw[source] - raw[target]).abs(), *alike, _compare(cells, source, target)], dim=1)
        )
        for convolve, update in zip(self.convolve, self.update_link, strict=True):
            cells = torch.relu(self._convolve(convolve, cells, links, source, target))
            links = update(torch.cat([links, _compare(cells, source, target)], dim=1))
        nothing = links.new_zeros(len(cells))
        return Logits(self.classify_link(links)[:, 0], nothing, nothing, nothing)

    def _convolve(self, convolve: nn.Module, cells: Tensor, links: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """One round of messages, forwards in time or both ways."""
        if self.config.undirected:
            links, source, target = (
                torch.cat([links, links]),
                torch.cat([source, target]),
                torch.cat([target, source]),
            )
        moved: Tensor = convolve(cells, links, source, target)
        return moved


def _compare(cells: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Both ends of each link, their absolute difference and their cosine similarity, shape (m, 3 c + 1)."""
    first, second = cells[source], cells[target]
    alike = cosine_similarity(first, second, dim=1)[:, None]
    return torch.cat([first, second, (first - second).abs(), alike], dim=1)


Network = TrackerNetwork | PaperNetwork
"""Either preset: both take features of cells and links with the links' ends, and give log-odds."""
