"""Losses of metric learning with the miners that choose what they look at."""

from __future__ import annotations

from collections.abc import Callable

from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import CircleLoss, MultiSimilarityLoss, TripletMarginLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner, TripletMarginMiner
from torch import Tensor

from cell_tracker_gnn.errors import SettingsError

__all__ = ["MetricLoss", "metric_loss"]

MetricLoss = Callable[[Tensor, Tensor], Tensor]
"""Embeddings (n, d) and identities (n,) to the loss, a scalar."""

EPSILON = 0.1
MARGIN = 0.25


def metric_loss(name: str) -> MetricLoss:
    """A loss with its miner, on cosine similarity.

    - ``"multi-similarity"`` (Wang et al., CVPR 2019) with its own miner, epsilon 0.1;
    - ``"circle"`` (Sun et al., CVPR 2020), which weighs every pair by itself and needs no miner;
    - ``"triplet"`` with semi-hard triplets (Schroff et al., CVPR 2015), margin 0.25.

    Raises
    ------
    SettingsError
        If the name is unknown.
    """
    if name == "circle":
        circle: MetricLoss = CircleLoss()
        return circle
    if name == "multi-similarity":
        loss, miner = MultiSimilarityLoss(), MultiSimilarityMiner(epsilon=EPSILON)
    elif name == "triplet":
        distance = CosineSimilarity()
        loss = TripletMarginLoss(margin=MARGIN, distance=distance)
        miner = TripletMarginMiner(margin=MARGIN, type_of_triplets="semihard", distance=distance)
    else:
        raise SettingsError(f"the loss {name!r} is unknown; choose multi-similarity, circle or triplet")

    def mined(embedding: Tensor, identity: Tensor) -> Tensor:
        value: Tensor = loss(embedding, identity, miner(embedding, identity))
        return value

    return mined
