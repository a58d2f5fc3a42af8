"""Labelled graphs, batches, losses and settings of the training."""

import numpy as np
import pytest
import torch

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.model.tracker import Logits
from cell_tracker_gnn.simulation import SimulationSettings
from cell_tracker_gnn.training.batches import Batch, WindowStream, join_batch, whole_batches, window_batch
from cell_tracker_gnn.training.discs import DiscMasks
from cell_tracker_gnn.training.examples import Example, prepare_example
from cell_tracker_gnn.training.losses import balanced_link_loss, parent_choice_loss, tracking_loss
from cell_tracker_gnn.training.prepare import segmentable
from cell_tracker_gnn.training.segmenter import segment
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.variants import Faults, TrainingSequence, Variant
from training_sequences import simulated_sequence


@pytest.fixture(scope="module")
def sequence() -> TrainingSequence:
    settings = SimulationSettings(frames=12, cells=12, size=(160, 160), seed=8, division_rate=4.0)
    return simulated_sequence(settings)


@pytest.fixture(scope="module")
def example(sequence: TrainingSequence) -> Example:
    return prepare_example(sequence, Variant(), max_gap=2)


def test_an_undamaged_movie_has_all_its_links(example: Example) -> None:
    cells = example.graph.cells
    assert example.recall == 1.0
    assert not example.parent[cells.frame == 0].any()
    assert not example.child[cells.frame == 11].any()
    assert (np.bincount(example.graph.candidates.target[example.positive], minlength=len(cells)) <= 1).all()
    assert example.divides.sum() > 0


def test_subsampled_and_damaged_variants_keep_links_true(sequence: TrainingSequence) -> None:
    fast = prepare_example(sequence, Variant(every=3, first=1, images=False), max_gap=2)
    assert len(fast.graph.cells.numbers) == 4
    assert np.isnan(fast.graph.cells.appearance).all()
    faults = Faults(missed=0.2, spurious=0.2, jitter=0.5)
    damaged = prepare_example(sequence, Variant(faults=faults, seed=3), max_gap=2)
    candidates = damaged.graph.candidates
    assert (candidates.ahead[damaged.positive] > 1).any()
    again = prepare_example(sequence, Variant(faults=faults, seed=3), max_gap=2)
    np.testing.assert_array_equal(again.graph.link_features, damaged.graph.link_features)


def test_points_keep_the_true_links_and_nothing_of_the_masks(sequence: TrainingSequence) -> None:
    masks = DiscMasks(sequence.movie.masks, sequence.movie.scale, 0.5, seed=2)
    first = masks[0]
    np.testing.assert_array_equal(first, masks[0])
    size = np.bincount(first.ravel())[1:]
    assert set(np.unique(first)) == set(np.unique(sequence.movie.masks[0]))
    assert size[size > 0].std() < 0.3 * size[size > 0].mean()
    example = prepare_example(sequence, Variant(points=0.5, seed=2), max_gap=2)
    whole = prepare_example(sequence, Variant(), max_gap=2)
    assert example.positive.sum() == whole.positive.sum()


def test_masks_of_the_plain_segmenter_find_their_true_links(sequence: TrainingSequence) -> None:
    assert segmentable(sequence)
    example = prepare_example(sequence, Variant(segmented=True), max_gap=2)
    whole = prepare_example(sequence, Variant(), max_gap=2)
    assert 0.8 * whole.positive.sum() < example.positive.sum() <= whole.positive.sum()
    assert not segment(np.full((30, 30), 7, np.uint8)).any()


def test_every_link_is_in_one_validation_batch(example: Example) -> None:
    batches = whole_batches([example.part(0.0, 0.5), example.part(0.5, 1.0)], links=200, frames=4)
    seen = sum(int(batches[i].positive.sum()) for i in range(len(batches)))
    ahead = example.graph.candidates.ahead
    assert 0.7 * example.positive.sum() < seen <= example.positive[ahead >= 1].sum()


def test_batches_join_without_links_between_them(example: Example) -> None:
    parts = [window_batch(example, 0, 4), window_batch(example, 6, 9)]
    joined = join_batch(parts)
    first = len(parts[0].cell_features)
    crossing = (joined.source < first) != (joined.target < first)
    assert not crossing.any()
    assert len(joined.positive) == sum(len(p.positive) for p in parts)


def test_the_stream_is_seeded_and_stays_in_its_part(example: Example) -> None:
    def draw(seed: int) -> list[Batch]:
        return list(WindowStream([example.part(0.0, 0.5)], links=150, frames=(3, 5), batches=3, seed=seed))

    for one, two in zip(draw(1), draw(1), strict=True):
        torch.testing.assert_close(one.link_features, two.link_features)
    early = {tuple(row) for row in example.graph.cell_features[example.graph.cells.frame < 6][:, :4].tolist()}
    assert {tuple(row) for batch in draw(2) for row in batch.cell_features[:, :4].tolist()} <= early


def hand_made(positive: list[float], appears: list[float]) -> Batch:
    """Two candidate parents 0 and 1 of cell 2, one of cell 3."""
    labels = torch.zeros(4, 3)
    labels[:, 0] = torch.tensor(appears)
    known = torch.ones(4, 3)
    known[:2, 0] = 0
    ends = torch.tensor([0, 1, 1]), torch.tensor([2, 2, 3])
    right, window = torch.tensor(positive), torch.zeros(4).long()
    return Batch(torch.zeros(4, 1), torch.zeros(3, 1), *ends, right, labels, known, window, torch.ones(3))


def test_parent_choice_loss_is_the_cross_entropy_of_the_softmax_with_none() -> None:
    link = torch.tensor([2.0, -1.0, 0.5])
    batch = hand_made([1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0])
    expected = -torch.log(link[0].exp() / (1 + link[0].exp() + link[1].exp())) - torch.log(1 / (1 + link[2].exp()))
    torch.testing.assert_close(parent_choice_loss(link, batch), expected / 4)


def test_a_cell_whose_parent_is_no_candidate_is_left_out() -> None:
    link = torch.tensor([2.0, -1.0, 0.5])
    batch = hand_made([1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    expected = -torch.log(link[0].exp() / (1 + link[0].exp() + link[1].exp()))
    torch.testing.assert_close(parent_choice_loss(link, batch), expected / 4)


def test_losses_fall_towards_the_truth() -> None:
    batch = hand_made([1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0])
    nothing = torch.zeros(4)
    sign = torch.tensor([1.0, -1.0, 1.0])
    for loss in (
        lambda s: tracking_loss(Logits(s * sign, nothing, nothing, nothing), batch),
        lambda s: balanced_link_loss(s * sign, batch.positive),
    ):
        assert loss(4.0) < loss(1.0) < loss(-1.0)
    assert torch.isfinite(tracking_loss(Logits(100.0 * sign, nothing, nothing, nothing), batch))


def test_settings_are_parsed_and_typos_get_the_nearest_name() -> None:
    settings = TrainSettings.parse(["epochs=3", "faults=no", "learning_rate=1e-4", "preset=paper"])
    assert (settings.epochs, settings.faults, settings.learning_rate, settings.preset) == (3, False, 1e-4, "paper")
    for text, hint in [
        ("epoch=3", "epochs"),
        ("epochs=three", "int"),
        ("epochs=0", "1 or more"),
        ("preset=papr", "paper"),
        ("validation=2", "between"),
    ]:
        with pytest.raises(SettingsError, match=hint):
            TrainSettings.parse([text])
