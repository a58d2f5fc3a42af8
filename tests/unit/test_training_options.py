"""Splits, sparse annotation, metrics, tracking scores, loggers and settings of the training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cell_tracker_gnn.data import ArrayFrames
from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.graph.neighbourhood import Description, Neighbourhood, observed_reach
from cell_tracker_gnn.model.infer import score_graph
from cell_tracker_gnn.model.paper import PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork
from cell_tracker_gnn.model.weights import Model, load_model, save_model
from cell_tracker_gnn.simulation import SimulationSettings
from cell_tracker_gnn.training.batches import join_batch, window_batch
from cell_tracker_gnn.training.examples import Example, prepare_example
from cell_tracker_gnn.training.finetune import keep_the_better
from cell_tracker_gnn.training.loggers import make_loggers
from cell_tracker_gnn.training.losses import parent_choice_loss, tracking_loss
from cell_tracker_gnn.training.metrics import judge_batch, judgement_scores
from cell_tracker_gnn.training.prepare import choose_neighbourhood, confine_sequence
from cell_tracker_gnn.training.settings import GROUPS, TrainSettings
from cell_tracker_gnn.training.splits import split_examples
from cell_tracker_gnn.training.variants import TrainingSequence, Variant
from cell_tracker_gnn.training.watch import draw_links, tracking_scores
from training_sequences import simulated_sequence


@pytest.fixture(scope="module")
def sequence() -> TrainingSequence:
    settings = SimulationSettings(frames=10, cells=10, size=(150, 150), seed=4, division_rate=6.0)
    return simulated_sequence(settings, images=False)


@pytest.fixture(scope="module")
def example(sequence: TrainingSequence) -> Example:
    return prepare_example(sequence, Variant(), max_gap=2)


def some_tracks(sequence: TrainingSequence, share: int = 3) -> TrainingSequence:
    """Only every so many of the tracks are annotated."""
    kept = sequence.lineage.label[::share]
    markers = [np.where(np.isin(mask, kept), mask, 0) for mask in sequence.markers]
    return replace(sequence, markers=ArrayFrames(markers))


def test_groups_name_every_setting_once() -> None:
    named = [name for names in GROUPS.values() for name in names.values()]
    assert sorted(named) == sorted(TrainSettings().as_dict())


def test_a_key_may_stand_in_its_group() -> None:
    assert TrainSettings.parse(["trainer.epochs=3", "embedding.loss=circle"]) == TrainSettings.parse(
        ["epochs=3", "embedding_loss=circle"]
    )
    for text, hint in [
        ("trainer.epoch=3", "trainer.epochs"),
        ("split=frist", "first"),
        ("precision=17", "16"),
        ("longest=3", "shortest"),
        ("clip=nan", "positive"),
        ("epochs", "key=value"),
    ]:
        with pytest.raises(SettingsError, match=hint):
            TrainSettings.parse([text])


@pytest.mark.parametrize(
    ("split", "parts"),
    [("each", [8, 8, 8]), ("first", [4, 10, 10]), ("last", [10, 10, 4]), ("both", [7, 10, 7])],
)
def test_the_validation_share_comes_from_the_ends_asked_for(example: Example, split: str, parts: list[int]) -> None:
    training, validation = split_examples([[example]] * 3, TrainSettings(split=split, validation=0.2))
    assert [e.frames[1] for e in training] == parts
    assert sum(e.frames[1] - e.frames[0] for e in validation) == 30 - sum(parts)


def test_whole_sequences_are_kept_for_validation(example: Example) -> None:
    settings = TrainSettings(split="sequence", validation=0.4)
    training, validation = split_examples([[example, example]] * 3, settings)
    assert (len(training), len(validation)) == (4, 1)
    with pytest.raises(SettingsError, match="two sequences"):
        split_examples([[example]], settings)


def test_limit_jump_and_missing_markers_confine_a_sequence(sequence: TrainingSequence) -> None:
    part = confine_sequence(sequence, TrainSettings(limit=3, jump=2))
    assert part.movie.numbers == (0, 2, 4)
    few = replace(sequence, markers=ArrayFrames([sequence.markers[i] for i in (2, 3, 4)], (2, 3, 4)))
    assert confine_sequence(few, TrainSettings()).movie.numbers == (2, 3, 4)
    assert confine_sequence(sequence, TrainSettings()) is sequence
    with pytest.raises(InputError, match="fewer than two"):
        confine_sequence(few, TrainSettings(jump=3))


def test_where_few_tracks_are_annotated_the_others_are_unknown_and_not_false(
    sequence: TrainingSequence, example: Example
) -> None:
    sparse = prepare_example(some_tracks(sequence), Variant(), max_gap=2, sparse=None)
    assert sparse.trust is not None
    known = sparse.trust.link > 0
    assert 0 < known.mean() < 0.7
    # Whatever is known of a link is the truth.
    np.testing.assert_array_equal(sparse.positive[known], example.positive[known])
    assert 0 < (sparse.trust.cell[:, 1] > 0).sum() <= sparse.child.sum()
    assert prepare_example(sequence, Variant(), max_gap=2, sparse=None).trust is None


def test_unknown_links_and_cells_do_not_change_the_loss(sequence: TrainingSequence) -> None:
    sparse = prepare_example(some_tracks(sequence), Variant(), max_gap=2, sparse=True)
    batch = window_batch(sparse, 0, 8)
    network = TrackerNetwork(TrackerConfig(width=16, blocks=1)).eval()
    logits = network(batch.cell_features, batch.link_features, batch.source, batch.target, batch.window)
    unknown = batch.link_weight == 0
    other = batch._replace(positive=torch.where(unknown, 1.0 - batch.positive, batch.positive))
    link = torch.nn.functional.binary_cross_entropy_with_logits
    for one in (batch, other):
        assert torch.isfinite(tracking_loss(logits, one))
    assert link(logits.link, batch.positive, batch.link_weight) == link(logits.link, other.positive, other.link_weight)
    everything = batch._replace(link_weight=torch.zeros_like(batch.link_weight), cell_known=0 * batch.cell_known)
    assert parent_choice_loss(logits.link, everything) == 0


def test_the_truth_scores_one_and_nothing_scores_less(example: Example) -> None:
    part = example.part(0.2, 1.0).cut_out()
    assert tracking_scores(part, part.positive) == {"LNK": 1.0, "CHOTA": pytest.approx(1.0)}
    worse = tracking_scores(part, np.zeros(len(part.positive), bool))
    assert worse["LNK"] < 0.1
    assert worse["CHOTA"] < 0.9
    picture = np.asarray(draw_links(part, ~part.positive))
    assert (picture == (230, 60, 50)).all(axis=2).any()
    assert (picture == (60, 120, 230)).all(axis=2).any()


def test_a_part_cut_out_is_the_same_graph(example: Example) -> None:
    part = example.part(0.3, 0.9)
    whole, cut = window_batch(part, *part.frames), window_batch(part.cut_out(), 0, part.frames[1] - part.frames[0])
    for one, two in zip(whole, cut, strict=True):
        torch.testing.assert_close(one, two)


def test_a_neighbourhood_keeps_what_lies_within(sequence: TrainingSequence, example: Example) -> None:
    cells, every = example.graph.cells, example.graph.candidates
    reach = observed_reach(cells, every, example.positive)
    moved = np.abs(cells.centroid[every.target] - cells.centroid[every.source]) / every.ahead[:, None]
    near = choose_neighbourhood([sequence], TrainSettings(neighbourhood="movement", multipliers="1.5,1"))
    assert near == Neighbourhood("movement", (1.5 * reach[0], reach[1]))
    found = near.confine(cells, every)
    assert len(found) == ((moved <= [1.5 * reach[0], reach[1]]).all(axis=1)).sum() < len(every)
    # Nothing true is lost by as much as was seen.
    part = prepare_example(sequence, Variant(), max_gap=2, describe=Description(neighbourhood=near))
    assert part.positive.sum() == example.positive.sum()
    boxes = choose_neighbourhood([sequence], TrainSettings(neighbourhood="boxes", multipliers="1"))
    side = cells.box[:, 2:] - cells.box[:, :2]
    inside = boxes.confine(cells, every)
    limit = np.maximum(side[inside.source], side[inside.target]) * inside.ahead[:, None]
    assert (np.abs(cells.centroid[inside.target] - cells.centroid[inside.source]) <= limit).all()
    assert 0 < len(inside) < len(every)
    assert Neighbourhood().confine(cells, every) is every
    for wrong in ("1,x", "0", "1,2,3,4"):
        with pytest.raises(SettingsError, match="multipliers"):
            TrainSettings(multipliers=wrong)


def test_the_model_file_remembers_the_neighbourhood_and_the_direction(tmp_path: Path) -> None:
    near = Neighbourhood("boxes", (1.0, 2.0))
    for network in (
        TrackerNetwork(TrackerConfig(width=16, blocks=1, neighbourhood=near)),
        PaperNetwork(PaperConfig(measured=13, learned=0, undirected=True, neighbourhood=near)),
    ):
        save_model(Model(network), tmp_path / "model.safetensors")
        read = load_model(tmp_path).network
        assert read.config == network.config
        assert read.describe.neighbourhood == near


def test_undirected_messages_flow_backwards_in_the_network_of_the_paper() -> None:
    torch.manual_seed(0)
    links, ends = torch.zeros(3, 0), (torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]))
    for undirected in (False, True):
        network = PaperNetwork(PaperConfig(measured=13, learned=0, undirected=undirected)).eval()
        cells = torch.randn(4, 13)
        other = cells.clone()
        other[3] += 1.0
        changed = network(other, links, *ends).link - network(cells, links, *ends).link
        assert (changed[0].abs() > 0) == undirected


def test_divisions_are_judged_by_the_second_child(example: Example) -> None:
    batch = join_batch([window_batch(example, 0, 10), window_batch(example, 2, 9)])
    right = judgement_scores([judge_batch(20.0 * (2 * batch.positive - 1), batch)])
    assert right["division_f1"] == right["division_average_precision"] == right["link_accuracy"] == 1.0
    nothing = judgement_scores([judge_batch(torch.full_like(batch.positive, -20.0), batch)])
    assert nothing["division_recall"] == nothing["link_f1"] == 0.0
    assert nothing["link_accuracy"] > 0.5


def test_old_weights_are_kept_if_the_new_ones_are_worse(example: Example) -> None:
    torch.manual_seed(0)
    networks = [TrackerNetwork(TrackerConfig(width=16, blocks=1)).eval() for _ in range(2)]
    old, new = (Model(network, name=name) for network, name in zip(networks, ("old", "new"), strict=True))
    best, told = keep_the_better(old, new, [example], max_gap=2)
    again, told_again = keep_the_better(new, old, [example], max_gap=2)
    assert best is again
    assert {told["kept"], told_again["kept"]} == {"old", "new"}
    same, told = keep_the_better(old, old, [example], max_gap=2)
    assert (same, told["kept"]) == (old, "old")
    assert np.isfinite(score_graph(best.network, example.graph).link).all()


def test_loggers_are_made_by_name(tmp_path: Path) -> None:
    assert len(make_loggers("csv, tensorboard", tmp_path)) == 2
    assert make_loggers("none", tmp_path) == []
    for name, hint in (("csw", "did you mean csv"), ("wandb", "pip install wandb")):
        with pytest.raises(SettingsError, match=hint):
            make_loggers(name, tmp_path)
