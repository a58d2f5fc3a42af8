"""Networks, windows and model files."""

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cell_tracker_gnn.errors import MissingInputError, ModelError, SettingsError
from cell_tracker_gnn.graph.edges import LINK_FEATURES
from cell_tracker_gnn.graph.nodes import CELL_FEATURES
from cell_tracker_gnn.model.blocks import group_softmax
from cell_tracker_gnn.model.description import describe_model
from cell_tracker_gnn.model.paper import PaperConfig, PaperNetwork
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork, input_scale
from cell_tracker_gnn.model.weights import HEADER, Model, load_model, save_model


def inputs(cells: int = 12, links: int = 30, seed: int = 0) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(seed)
    source = torch.randint(0, cells // 2, (links,))
    target = torch.randint(cells // 2, cells, (links,))
    return torch.randn(cells, len(CELL_FEATURES)), torch.randn(links, len(LINK_FEATURES)), source, target


def test_group_softmax_sums_to_one_with_and_without_the_choice_of_nothing() -> None:
    score, group = torch.randn(20, 3) * 30, torch.randint(0, 6, (20,))
    share = group_softmax(score, group, 7)
    total = torch.zeros(7, 3).index_add(0, group, share)
    torch.testing.assert_close(total[torch.unique(group)], torch.ones(len(torch.unique(group)), 3))
    less = group_softmax(score, group, 7, nothing=torch.zeros(7, 3))
    assert (torch.zeros(7, 3).index_add(0, group, less) < 1.0 + 1e-6).all()
    assert torch.isfinite(less).all()


def test_links_in_pieces_get_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=2)).eval()
    whole = network(*inputs())
    monkeypatch.setattr("cell_tracker_gnn.model.blocks.PIECE", 7)
    with torch.inference_mode():
        pieces = network(*inputs())
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one.detach(), other)


@pytest.mark.parametrize("links", [0, 1, 30])
def test_network_gives_one_number_per_link_and_three_per_cell(links: int) -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=2)).eval()
    cells, features, source, target = inputs()
    logits = network(cells, features[:links], source[:links], target[:links])
    assert [len(v) for v in logits] == [links, 12, 12, 12]
    assert all(torch.isfinite(v).all() for v in logits)


def test_order_of_links_does_not_matter() -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=3)).eval()
    cells, links, source, target = inputs()
    order = torch.randperm(len(links))
    straight = network(cells, links, source, target)
    shuffled = network(cells, links[order], source[order], target[order])
    torch.testing.assert_close(shuffled.link, straight.link[order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shuffled.appears, straight.appears, atol=1e-5, rtol=1e-4)


def test_evidence_travels_both_ways_in_time() -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=3)).eval()
    cells, links = torch.randn(4, len(CELL_FEATURES)), torch.randn(3, len(LINK_FEATURES))
    chain = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3])
    before = network(cells, links, *chain).link
    for changed, seen in ((0, 2), (2, 0)):
        other = links.clone()
        other[changed] += 1.0
        assert not torch.allclose(network(cells, other, *chain).link[seen], before[seen])


def test_extreme_features_give_finite_log_odds() -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=2)).eval()
    cells, links, source, target = inputs()
    assert torch.isfinite(network(cells * 1e6, links * 1e6, source, target).link).all()


def test_paper_network_has_the_published_sizes() -> None:
    network = PaperNetwork(PaperConfig(measured=13, learned=128))
    assert [tuple(p.shape) for p in network.encode_measured.parameters()][::2] == [(64, 13), (16, 64)]
    assert [tuple(p.shape) for p in network.encode_learned.parameters()][::2] == [(64, 128), (16, 64)]
    # |difference| of 141 raw features, two cosines, two ends and their difference of 32 each, one cosine.
    assert [tuple(p.shape) for p in network.encode_link.parameters()][::2] == [(128, 141 + 2 + 96 + 1), (64, 128)]
    assert len(network.convolve) == len(network.update_link) == 6
    assert [tuple(p.shape) for p in network.update_link[0].parameters()][::2] == [(128, 64 + 96 + 1), (64, 128)]
    assert [tuple(p.shape) for p in network.classify_link.parameters()][::2] == [(128, 64), (32, 128), (1, 32)]
    logits = network(torch.randn(9, 141), torch.zeros(5, 0), torch.arange(5), torch.arange(4, 9))
    assert logits.link.shape == (5,)


@pytest.mark.parametrize("values", [{"width": 10, "heads": 4}, {"dropout": 1.0}, {"blocks": -1}])
def test_impossible_sizes_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        TrackerConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["standard", "min-max"])
def test_inputs_are_scaled_by_all_parts_as_by_the_whole(how: str) -> None:
    whole = torch.randn(60, 5) * torch.tensor([1.0, 3.0, 0.0, 1e-3, 50.0]) + torch.tensor([0.0, 5.0, 2.0, 1e3, -7.0])
    parts = [whole[:1], whole[1:1], whole[1:40] + 3.0, whole[40:]]
    together = torch.cat(parts)
    low, mean = together.amin(dim=0), together.double().mean(dim=0).float()
    expected = {"standard": (mean, together.double().std(dim=0).float()), "min-max": (low, together.amax(dim=0) - low)}
    torch.testing.assert_close(input_scale(parts, how), expected[how], rtol=1e-4, atol=1e-4)


def test_model_file_round_trip(tmp_path: Path) -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=2)).eval()
    network.scale_inputs([torch.randn(50, len(CELL_FEATURES)) * 3 + 1], [torch.randn(50, len(LINK_FEATURES))])
    path = tmp_path / "model.safetensors"
    save_model(Model(network, None, {"bias": 1.5}, {"data": ["a"]}), path)
    model = load_model(path)
    assert model.costs == {"bias": 1.5}
    assert model.card == {"data": ["a"]}
    assert len(model.sha256) == 64
    torch.testing.assert_close(model.network(*inputs()).link, network(*inputs()).link)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_broken_model_files_are_refused_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(Model(TrackerNetwork(TrackerConfig(width=16, blocks=1))), path)
    whole = path.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"a": torch.zeros(2)}, tmp_path / "bare.safetensors")
    newer = {HEADER: json.dumps({"format": 99})}
    save_file({"a": torch.zeros(2)}, tmp_path / "newer.safetensors", metadata=newer)
    flipped = bytearray(whole)
    flipped[-2] ^= 0x40
    (tmp_path / "flipped.safetensors").write_bytes(flipped)
    for name in ("cut", "text", "bare", "newer", "flipped"):
        with pytest.raises(ModelError, match=name):
            load_model(tmp_path / f"{name}.safetensors")
    with pytest.raises(MissingInputError, match="did you mean 'general'"):
        load_model("genral")
    with pytest.raises(MissingInputError, match=r"did you mean '.*cut\.safetensors'"):
        load_model(tmp_path / "cut.safetensor")


def test_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "model.ckpt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="never loaded"):
        load_model(tmp_path / "model.ckpt")
    assert not (tmp_path / "ran").exists()


def test_a_model_file_describes_itself(tmp_path: Path) -> None:
    card = {"version": "0.1.0", "data": [{"name": "a/01", "cells": 7}], "scores": {"average_precision": 0.5}}
    save_model(Model(TrackerNetwork(TrackerConfig(width=16, blocks=1)), card=card), tmp_path / "model.safetensors")
    found = describe_model(tmp_path)
    assert found.sha256 == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert "1 sequences with 7 cells" in found.summary()
    rows = dict(found.rows())
    assert rows["trained on a/01"] == "cells 7"
    assert rows["average precision"] == "0.5"
    assert rows["encoder"] == "none"
    assert "fine-tuned from" not in rows


@pytest.mark.parametrize("kept", ["new", "old"])
def test_a_fine_tuned_model_names_the_one_it_began_with(kept: str, tmp_path: Path) -> None:
    card = {"fine_tuning": {"start": "general", "kept": kept}}
    save_model(Model(TrackerNetwork(TrackerConfig(width=16, blocks=1)), card=card), tmp_path / "model.safetensors")
    told = dict(describe_model(tmp_path).rows())["fine-tuned from"]
    assert told.startswith("general")
    assert ("weights were kept" in told) == (kept == "old")


def test_windows_cover_every_link_and_agree_with_the_whole_movie() -> None:
    from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
    from cell_tracker_gnn.features.extract import extract_features
    from cell_tracker_gnn.graph.build import build_graph
    from cell_tracker_gnn.graph.windows import cut_windows
    from cell_tracker_gnn.simulation import SimulationSettings, simulate

    frames = [f.mask for f in simulate(SimulationSettings(frames=12, cells=12, size=(160, 160), seed=4))]
    graph = build_graph(*extract_features(Movie(ArrayFrames(frames), None, Scale.pixels(2)), max_gap=2), max_gap=2)
    seen = np.zeros(len(graph.candidates))
    for window in cut_windows(graph, [(0, 6), (3, 9), (6, 12)]):
        seen[window.links] += 1
        rows = np.arange(len(graph.cells))[window.cells]
        np.testing.assert_array_equal(rows[window.source], graph.candidates.source[window.links])
        np.testing.assert_array_equal(rows[window.target], graph.candidates.target[window.links])
    assert (seen >= 1).all()
