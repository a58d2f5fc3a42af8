"""The default network: features of cells and links to log-odds of links, beginnings, ends and divisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from cell_tracker_gnn.errors import ModelError, SettingsError
from cell_tracker_gnn.graph.edges import LINK_FEATURES
from cell_tracker_gnn.graph.neighbourhood import Description, Neighbourhood
from cell_tracker_gnn.graph.nodes import CELL_FEATURES
from cell_tracker_gnn.model.blocks import CompetitionBlock, mlp, pieces

__all__ = ["Logits", "TrackerConfig", "TrackerNetwork", "input_scale", "read_neighbourhood"]


class Logits(NamedTuple):
    """Log-odds that a network gives.

    Parameters
    ----------
    link
        That the link is right, shape (m,).
    appears
        That the cell has no parent in the movie, shape (n,).
    disappears
        That the cell has no child in the movie, shape (n,).
    divides
        That the cell is a mother whose daughters come next, shape (n,).
    """

    link: Tensor
    appears: Tensor
    disappears: Tensor
    divides: Tensor


@dataclass(frozen=True)
class TrackerConfig:
    """Sizes of the default network.

    Parameters
    ----------
    width
        Channels of cells and links, a multiple of ``heads``.
    blocks
        Rounds of messages, the number of frames over which evidence travels.
    heads
        Competing scores per link.
    dropout
        Dropout in the link updates and in the classifier.
    feature_dropout
        Share of the features that a training batch does not show, so that none becomes indispensable.
    context
        Whether each round adds the mean of all cells of a window to each of them.
    cell_inputs, link_inputs
        Names of the cell and link features that it was made for; later versions may compute more.
    neighbourhood
        Which candidate links it was made for.
    """

    width: int = 48
    blocks: int = 4
    heads: int = 4
    dropout: float = 0.05
    feature_dropout: float = 0.03
    context: bool = True
    cell_inputs: tuple[str, ...] = CELL_FEATURES
    link_inputs: tuple[str, ...] = LINK_FEATURES
    neighbourhood: Neighbourhood = Neighbourhood()

    def __post_init__(self) -> None:
        if self.width < 1 or self.heads < 1 or self.width % self.heads:
            raise SettingsError(f"width {self.width} is not a multiple of heads {self.heads}; choose another width")
        if self.blocks < 0 or not 0 <= self.dropout < 1 or not 0 <= self.feature_dropout < 1:
            raise SettingsError(f"blocks or a dropout is out of range in {asdict(self)}; see their description")

    def as_dict(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The sizes from plain values."""
        names = {key: tuple(value) for key, value in values.items() if key.endswith("_inputs")}
        return cls(**(values | names | read_neighbourhood(values)))


class TrackerNetwork(nn.Module):
    """Encoders, blocks of competing links and four heads.

    Parameters
    ----------
    config
        Sizes of the network.
    """

    cell_mean: Tensor
    cell_scale: Tensor
    link_mean: Tensor
    link_scale: Tensor

    def __init__(self, config: TrackerConfig) -> None:
        super().__init__()
        self.config = config
        width, cell_inputs, link_inputs = config.width, len(config.cell_inputs), len(config.link_inputs)
        self._cell_columns = _columns(config.cell_inputs, CELL_FEATURES)
        self._link_columns = _columns(config.link_inputs, LINK_FEATURES)
        self.register_buffer("cell_mean", torch.zeros(cell_inputs))
        self.register_buffer("cell_scale", torch.ones(cell_inputs))
        self.register_buffer("link_mean", torch.zeros(link_inputs))
        self.register_buffer("link_scale", torch.ones(link_inputs))
        self.encode_cell = mlp(cell_inputs, width, width, norm=True)
        self.encode_link = mlp(link_inputs, 2 * width, width, norm=True)
        self.blocks = nn.ModuleList(
            CompetitionBlock(width, config.heads, config.dropout, context=config.context) for _ in range(config.blocks)
        )
        self.classify_link = mlp(width, width, 1, dropout=config.dropout, norm=True)
        self.classify_cell = mlp(width, width, 3, dropout=config.dropout, norm=True)

    @property
    def describe(self) -> Description:
        """What it is shown of a movie."""
        return Description("relative", self.config.neighbourhood)

    def scale_inputs(
        self, cell_features: Sequence[Tensor], link_features: Sequence[Tensor], how: str = "standard"
    ) -> None:
        """Scale the inputs by features of training movies: to mean 0 and deviation 1, or ``"min-max"`` to 0 .. 1."""
        for name, parts in (("cell", cell_features), ("link", link_features)):
            columns = getattr(self, f"_{name}_columns")
            shift, scale = input_scale((part[:, columns] for part in parts), how)
            getattr(self, f"{name}_mean").copy_(shift)
            getattr(self, f"{name}_scale").copy_(scale.clamp_min(1e-3))

    def forward(
        self,
        cell_features: Tensor,
        link_features: Tensor,
        source: Tensor,
        target: Tensor,
        window: Tensor | None = None,
    ) -> Logits:
        """Log-odds from raw features.

        Parameters
        ----------
        cell_features, link_features
            Shape (n, f) and (m, g).
        source, target
            Rows of the cells at the ends of each link, shape (m,).
        window
            Number of the window of each cell, shape (n,); all belong to one when left out.
        """
        cells = self.encode_cell(self._standard("cell", cell_features))
        parts = (link_features[piece] for piece in pieces(link_features))
        links = torch.cat([self.encode_link(self._standard("link", part)) for part in parts])
        for block in self.blocks:
            cells, links = block(cells, links, source, target, window)
        appears, disappears, divides = self.classify_cell(cells).unbind(dim=1)
        link = torch.cat([self.classify_link(links[piece]) for piece in pieces(links)])
        return Logits(link[:, 0], appears, disappears, divides)

    def _standard(self, kind: str, features: Tensor) -> Tensor:
        """The columns that the network was made for, standardised."""
        mean, scale = getattr(self, f"{kind}_mean"), getattr(self, f"{kind}_scale")
        # Features far outside of what was seen in training must not drive the network anywhere.
        features = ((features[:, getattr(self, f"_{kind}_columns")] - mean) / scale).clamp(-6.0, 6.0)
        return self._hide_features(features) if self.training and self.config.feature_dropout else features

    def _hide_features(self, features: Tensor) -> Tensor:
        """Set random columns to their mean for the whole batch."""
        shown = torch.rand(features.shape[1], device=features.device) >= self.config.feature_dropout
        return features * shown


def read_neighbourhood(values: dict[str, Any]) -> dict[str, Neighbourhood]:
    """The neighbourhood in the plain values of a network's sizes; models from before have the usual one."""
    found = values.get("neighbourhood")
    return {"neighbourhood": Neighbourhood(found["kind"], tuple(found["reach"])) if found else Neighbourhood()}


def input_scale(parts: Iterable[Tensor], how: str) -> tuple[Tensor, Tensor]:
    """Shift and scale of each column: its mean and deviation, or with ``"min-max"`` its lowest value and range.

    The features of many movies are too many to be held twice, so they are looked at part by part.
    """
    found = [_moments(part) for part in parts if len(part)]
    low = torch.stack([each.low for each in found]).amin(dim=0)
    if how == "min-max":
        return low, torch.stack([each.high for each in found]).amax(dim=0) - low
    count = sum(each.rows for each in found)
    mean = torch.stack([each.rows * each.mean for each in found]).sum(dim=0) / count
    squares = torch.stack([each.squares + each.rows * (each.mean - mean).square() for each in found]).sum(dim=0)
    return mean.float(), (squares / max(count - 1, 1)).sqrt().float()


class _Moments(NamedTuple):
    """Number of rows; of each column the extremes, the mean and the sum of squares about it."""

    rows: int
    low: Tensor
    high: Tensor
    mean: Tensor
    squares: Tensor


def _moments(features: Tensor) -> _Moments:
    mean = features.mean(dim=0, dtype=torch.float64)
    squares = (features - mean.float()).square_().sum(dim=0, dtype=torch.float64)
    return _Moments(len(features), features.amin(dim=0), features.amax(dim=0), mean, squares)


def _columns(wanted: tuple[str, ...], present: tuple[str, ...]) -> slice | list[int]:
    """Columns of the features that a network was made for among those that are computed."""
    unknown = sorted(set(wanted) - set(present))
    if unknown:
        raise ModelError(f"the model needs the features {', '.join(unknown)}, unknown here; update cell-tracker-gnn")
    return slice(None) if wanted == present else [present.index(name) for name in wanted]
