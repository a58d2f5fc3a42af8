from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cell_tracker_gnn.embedding import metric
from cell_tracker_gnn.embedding.augment import augment
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig, embed
from cell_tracker_gnn.embedding.identities import LabelledCrops, draw_batches, split_identities
from cell_tracker_gnn.embedding.metric import EncoderSettings, train_encoder
from cell_tracker_gnn.embedding.retrieval import retrieval_scores
from cell_tracker_gnn.errors import InputError, ModelError, SettingsError


def movie(cells: int = 24, frames: int = 6, seed: int = 0, *, alike: bool = False) -> LabelledCrops:
    """Cells as blobs of their own length, brightness and direction; all the same if ``alike``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    angle, length, light = rng.uniform(0, np.pi, cells), rng.uniform(0.3, 0.8, cells), rng.uniform(0.3, 1.2, cells)
    if alike:
        angle, length, light = angle * 0, length * 0 + 0.6, light * 0 + 1.0
    pictures = []
    for _ in range(frames):
        for one in range(cells):
            along = x * np.cos(angle[one]) + y * np.sin(angle[one])
            across = y * np.cos(angle[one]) - x * np.sin(angle[one])
            inside = (along / 0.8) ** 2 + (across / length[one]) ** 2 < 1
            pictures.append(inside * (light[one] + (0 if alike else rng.normal(0, 0.02, x.shape))))
    place = np.stack(np.unravel_index(np.arange(cells), (cells // 4 + 1, 4)), axis=1).astype(np.float64)
    return LabelledCrops(
        crops=np.array(pictures, np.float32)[:, None],
        identity=np.tile(np.arange(cells), frames),
        frame=np.repeat(np.arange(frames), cells),
        position=np.tile(place, (frames, 1)),
    )


@pytest.mark.parametrize("rank", [2, 3])
def test_encoder_gives_unit_vectors_in_any_batch(rank: int) -> None:
    encoder = Encoder(EncoderConfig(rank=rank, dim=16))
    assert sum(p.numel() for p in encoder.parameters()) < 500_000
    crops = np.random.default_rng(0).random((7, 1, *([32] * 2 if rank == 2 else [16, 32, 32])), dtype=np.float32)
    rows = embed(encoder, crops)
    assert rows.shape == (7, 16)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(rows, embed(encoder, crops, batch_size=2), atol=1e-5)
    assert encoder.training
    assert embed(encoder, crops[:0]).shape == (0, 16)
    assert np.isfinite(embed(encoder, np.zeros_like(crops))).all()


def test_encoder_refuses_crops_of_another_shape() -> None:
    with pytest.raises(ModelError, match="do not fit an encoder"):
        embed(Encoder(EncoderConfig()), np.zeros((2, 1, 16, 16), np.float32))


def test_configuration_survives_its_dictionary() -> None:
    config = EncoderConfig(rank=3, dim=8)
    assert EncoderConfig.from_dict(config.as_dict()) == config
    with pytest.raises(ModelError, match="does not fit this version"):
        EncoderConfig.from_dict({"depth": 3})


@pytest.mark.parametrize("change", [{"rank": 4}, {"size": 20}, {"dim": 0}])
def test_bad_configuration_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        EncoderConfig(**change)


def test_identities_are_split_not_crops() -> None:
    movies = [movie(), movie(cells=3)]
    training, validation = split_identities(movies, 0.25, np.random.default_rng(0))
    assert len(validation[0]) == 6
    assert not set(training[0]) & set(validation[0])
    assert sorted([*training[0], *validation[0]]) == list(range(24))
    assert len(validation[1]) == 0
    with pytest.raises(InputError, match="fewer than five cells"):
        split_identities([movie(cells=4)], 0.25, np.random.default_rng(0))


def test_unknown_and_lonely_identities_are_not_used() -> None:
    one = movie(cells=6, frames=2)
    identity = one.identity.copy()
    identity[[0, 6]] = -1
    identity[1] = 77
    crops = LabelledCrops(one.crops, identity, one.frame, one.position)
    assert crops.seen_again().tolist() == [2, 3, 4, 5]
    with pytest.raises(InputError, match="one row per cell"):
        LabelledCrops(one.crops, identity[1:], one.frame, one.position)


def test_batches_hold_neighbours_of_the_same_time() -> None:
    one = movie(cells=40, frames=9)
    training = [np.arange(30)]
    batches = list(draw_batches([one], training, count=20, together=6, views=3, window=1, rng=np.random.default_rng(1)))
    for index, rows in batches:
        assert index == 0
        assert len(rows) == 18
        cells = one.identity[rows].reshape(6, 3)
        assert np.all(cells == cells[:, :1])
        assert len(set(cells[:, 0])) == 6
        assert cells.max() < 30
        assert np.ptp(one.frame[rows]) <= 2
        assert np.ptp(one.position[rows], axis=0).max() <= 6


def test_augmentation_keeps_shape_and_range_and_background() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 1, 32, 32), (4, 1, 16, 32, 32)):
        crops = torch.zeros(shape)
        crops[..., 8:24, 8:24] = 0.8
        changed = augment(crops, generator)
        assert changed.shape == crops.shape
        assert 0.0 <= float(changed.min()) <= float(changed.max()) <= 1.5
        assert float((changed > 0).float().mean()) < 0.5
        assert not torch.equal(changed, crops)


def test_retrieval_of_perfect_and_of_useless_embeddings() -> None:
    one = movie(cells=12, frames=3)
    perfect = np.eye(12, dtype=np.float32)[one.identity]
    scores = retrieval_scores(one, perfect, np.arange(4))
    assert scores["precision"] == scores["neighbour_precision"] == scores["same_cosine"] == 1.0
    assert scores["different_cosine"] == 0.0
    assert scores["queries"] == 8
    useless = np.ones((36, 1), np.float32)
    assert retrieval_scores(one, useless, np.arange(12))["precision"] == pytest.approx(1 / 12)
    assert np.isnan(retrieval_scores(one, useless, np.array([99]))["precision"])


def test_training_learns_to_tell_unseen_cells_apart() -> None:
    reports: list[int] = []
    settings = EncoderSettings(dim=16, epochs=3, crops=1000, together=12)
    encoder, scores = train_encoder([movie(cells=40)], settings, report=lambda epoch, _: reports.append(epoch))
    assert scores["neighbour_precision"] > 0.6
    assert scores["collapsed"] == 0.0
    assert scores["same_cosine"] > scores["different_cosine"]
    assert reports == [1, 2, 3]
    assert not encoder.training


def test_training_is_the_same_with_the_same_seed() -> None:
    settings = EncoderSettings(dim=4, epochs=1, crops=100, together=6)
    state = torch.get_rng_state()
    first, second = (train_encoder([movie(cells=10, frames=3)], settings)[1] for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)


def test_collapse_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    settings = EncoderSettings(dim=4, epochs=1, crops=100, together=6)
    _, scores = train_encoder([movie(cells=10, frames=3, alike=True)], settings)
    assert scores["different_cosine"] > metric.COLLAPSED
    assert scores["collapsed"] == 1.0
    assert "has collapsed" in caplog.text


@pytest.mark.parametrize(
    "change", [{"epochs": 0}, {"views": 1}, {"validation": 1.0}, {"learning_rate": 0.0}, {"weight_decay": -1.0}]
)
def test_bad_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        EncoderSettings(**change)
