from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cell_tracker_gnn.embedding import augment as augment_module
from cell_tracker_gnn.embedding import metric
from cell_tracker_gnn.embedding.augment import augment
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig, embed
from cell_tracker_gnn.embedding.identities import LabelledCrops, draw_batches, split_identities
from cell_tracker_gnn.embedding.losses import metric_loss
from cell_tracker_gnn.embedding.metric import EncoderSettings, train_encoder
from cell_tracker_gnn.embedding.retrieval import retrieval_scores
from cell_tracker_gnn.errors import InputError, ModelError, SettingsError
from cell_tracker_gnn.training.settings import LOSSES


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
@pytest.mark.parametrize("kind", ["compact", "resnet18", "resnet34"])
def test_encoder_gives_unit_vectors_in_any_batch(rank: int, kind: str) -> None:
    encoder = Encoder(EncoderConfig(rank=rank, dim=16, kind=kind))
    crops = np.random.default_rng(0).random((5, 1, *([32] * 2 if rank == 2 else [16, 32, 32])), dtype=np.float32)
    rows = embed(encoder, crops)
    assert rows.shape == (5, 16)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(rows, embed(encoder, crops, batch_size=2), atol=1e-5)
    assert encoder.training
    assert embed(encoder, crops[:0]).shape == (0, 16)
    assert np.isfinite(embed(encoder, np.zeros_like(crops))).all()


@pytest.mark.parametrize("rank", [2, 3])
def test_embedding_over_all_flips_does_not_know_the_direction(rank: int) -> None:
    encoder = Encoder(EncoderConfig(rank=rank, size=16, width=4, dim=8))
    crops = np.random.default_rng(0).random((3, *encoder.config.crop_shape), np.float32)
    rows = embed(encoder, crops, flips=True)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    for axis in range(2, rank + 2):
        flipped = np.flip(crops, axis).copy()
        np.testing.assert_allclose(rows, embed(encoder, flipped, flips=True), atol=1e-4)
        assert not np.allclose(embed(encoder, crops), embed(encoder, flipped), atol=1e-2)


@pytest.mark.parametrize(
    ("kind", "rank", "count"),
    [
        # ResNet-18 and -34 of He et al. for one channel, without their last layer, and 128 outputs.
        ("resnet18", 2, 11_170_240 + 513 * 128),
        ("resnet34", 2, 21_278_400 + 513 * 128),
        ("resnet18", 3, None),
    ],
)
def test_resnets_have_the_published_number_of_weights(kind: str, rank: int, count: int | None) -> None:
    encoder = Encoder(EncoderConfig(rank=rank, kind=kind))
    found = sum(p.numel() for p in encoder.parameters())
    if count is None:
        flat = Encoder(EncoderConfig(kind=kind))
        assert sum(p.ndim == 5 for p in encoder.parameters()) == sum(p.ndim == 4 for p in flat.parameters())
    else:
        assert found == count


@pytest.mark.parametrize("rank", [2, 3])
def test_the_compact_encoder_is_small(rank: int) -> None:
    assert sum(p.numel() for p in Encoder(EncoderConfig(rank=rank)).parameters()) < 1_000_000


def test_encoder_refuses_crops_of_another_shape() -> None:
    with pytest.raises(ModelError, match="do not fit an encoder"):
        embed(Encoder(EncoderConfig()), np.zeros((2, 1, 16, 16), np.float32))


def test_configuration_survives_its_dictionary() -> None:
    config = EncoderConfig(rank=3, dim=8, kind="resnet34", crop="patch")
    assert EncoderConfig.from_dict(config.as_dict()) == config
    with pytest.raises(ModelError, match="does not fit this version"):
        EncoderConfig.from_dict({"depth": 3})


@pytest.mark.parametrize("change", [{"rank": 4}, {"size": 20}, {"dim": 0}, {"kind": "resnet"}, {"crop": "none"}])
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


def test_masks_lose_and_gain_a_ring() -> None:
    crops = torch.zeros(400, 1, 16, 16)
    crops[..., 4:12, 4:12] = 0.8
    area = (augment_module._remask(crops, torch.Generator().manual_seed(0)) > 0).sum(dim=(1, 2, 3))
    assert {36, 64, 100} == set(area.tolist())
    assert 50 < int((area == 36).sum()) < 150
    assert 50 < int((area == 100).sum()) < 150


def test_patches_have_no_mask_to_change() -> None:
    patches = torch.full((50, 1, 16, 16), 0.5)
    patches[:, :, :8] = 0.0
    changed = augment(patches, torch.Generator().manual_seed(0), masked=False)
    assert bool((changed > 0).all())
    brightest = changed.amax(dim=(1, 2, 3))
    assert float(brightest.min()) > 0.3
    flat = augment(torch.full((50, 1, 16, 16), 0.5), torch.Generator().manual_seed(0), masked=False)
    assert float((flat.amax(dim=(1, 2, 3)) - flat.amin(dim=(1, 2, 3))).max()) < 1e-4


def test_retrieval_of_perfect_and_of_useless_embeddings() -> None:
    one = movie(cells=12, frames=3)
    perfect = np.eye(12, dtype=np.float32)[one.identity]
    scores = retrieval_scores(one, perfect, np.arange(4))
    assert scores["precision_at_1"] == scores["r_precision"] == scores["map_at_r"] == 1.0
    assert scores["neighbour_precision"] == scores["same_cosine"] == 1.0
    assert scores["different_cosine"] == 0.0
    assert scores["queries"] == 8
    useless = np.ones((36, 1), np.float32)
    assert retrieval_scores(one, useless, np.arange(12))["precision_at_1"] == pytest.approx(1 / 12)
    assert np.isnan(retrieval_scores(one, useless, np.array([99]))["precision_at_1"])


def test_scores_of_an_order_worked_out_by_hand() -> None:
    identity, frame = np.array([0, 0, 1, 0, 1, 0, 1]), np.array([0, 1, 1, 2, 2, 3, 3])
    # Cosines of the search to the answers; the cell itself comes first, third and fifth.
    cosine = np.array([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    embedding = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1).astype(np.float32)
    place = np.arange(7, dtype=np.float64)[:, None].repeat(2, axis=1)
    one = LabelledCrops(np.zeros((7, 1, 4, 4), np.float32), identity, frame, place)
    only_first = LabelledCrops(one.crops, np.where(frame == 0, identity, -identity - 5), frame, place)
    assert retrieval_scores(only_first, embedding, np.array([0]))["queries"] == 0
    first = LabelledCrops(one.crops, np.where((frame > 0) & (identity == 1), 7, identity), frame, place)
    rows = retrieval_scores(first, embedding, np.array([0]), ahead=3)
    # Searches: frame 0 (R = 3: right, wrong, right), frame 1 (R = 2), frame 2 (R = 1).
    assert rows["queries"] == 3
    first_only = {"r_precision": 2 / 3, "map_at_r": (1 + 2 / 3) / 3}
    second = _by_hand(embedding, 1, [3, 4, 5, 6], {3, 5})
    third = _by_hand(embedding, 3, [5, 6], {5})
    for index, name in enumerate(("precision_at_1", "r_precision", "map_at_r")):
        mean = (first_only.get(name, 1.0) + second[index] + third[index]) / 3
        assert rows[name] == pytest.approx(mean), name


def _by_hand(embedding: Any, query: int, gallery: list[int], right: set[int]) -> tuple[float, float, float]:
    order = sorted(gallery, key=lambda row: -float(embedding[query] @ embedding[row]))
    hits = [row in right for row in order[: len(right)]]
    precisions = [sum(hits[: i + 1]) / (i + 1) for i in range(len(hits))]
    average = sum(p for p, hit in zip(precisions, hits, strict=True) if hit) / len(right)
    return float(order[0] in right), sum(hits) / len(right), average


def test_only_the_last_frames_are_validated() -> None:
    one = movie(cells=10, frames=6)
    assert set(one.last(35).frame) == {3, 4, 5}
    assert set(one.last(1).frame) == {4, 5}
    assert len(one.last(1000)) == 60


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_draws_a_cell_together_and_others_apart(name: str) -> None:
    torch.manual_seed(0)
    identity = torch.arange(8).repeat_interleave(3)
    place = torch.randn(24, 5, requires_grad=True)
    optimizer = torch.optim.Adam([place], lr=0.05)
    loss = metric_loss(name)

    def margin() -> float:
        rows = torch.nn.functional.normalize(place.detach(), dim=1)
        same = identity[:, None] == identity[None, :]
        cosine = rows @ rows.T
        return float(cosine[same].mean() - cosine[~same].mean())

    before = margin()
    for _ in range(60):
        optimizer.zero_grad()
        loss(torch.nn.functional.normalize(place, dim=1), identity).backward()
        optimizer.step()
    assert margin() > before + 0.3


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(SettingsError, match="multi-similarity"):
        metric_loss("contrastive")


def test_training_learns_to_tell_unseen_cells_apart() -> None:
    reports: list[int] = []
    settings = EncoderSettings(dim=16, epochs=3, crops=1000, together=12)
    encoder, scores = train_encoder([movie(cells=40)], settings, report=lambda epoch, _: reports.append(epoch))
    assert scores["neighbour_precision"] > 0.6
    assert scores["collapsed"] == 0.0
    assert scores["same_cosine"] > scores["different_cosine"]
    assert reports == [1, 2, 3]
    assert not encoder.training


def test_a_resnet_learns_patches() -> None:
    settings = EncoderSettings(kind="resnet18", crop="patch", loss="triplet", dim=8, epochs=1, crops=100, together=6)
    encoder, scores = train_encoder([movie(cells=10, frames=3)], settings)
    assert (encoder.config.kind, encoder.config.crop, encoder.config.dim) == ("resnet18", "patch", 8)
    assert 0.0 <= scores["map_at_r"] <= scores["r_precision"] <= 1.0


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
