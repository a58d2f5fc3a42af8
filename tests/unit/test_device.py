"""Choices that depend on the device, with fakes: no GPU is needed."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from cases import CASES
from cell_tracker_gnn import Tracker, TrackSettings
from cell_tracker_gnn.data import ArrayFrames, Movie, Scale
from cell_tracker_gnn.embedding import device
from cell_tracker_gnn.embedding.device import choose_device, in_batches, precision
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig, embed, embedded_at_once
from cell_tracker_gnn.errors import ModelError, SettingsError
from cell_tracker_gnn.features.extract import extract_features
from cell_tracker_gnn.graph.build import build_graph
from cell_tracker_gnn.model.infer import score_windows
from cell_tracker_gnn.model.tracker import TrackerConfig, TrackerNetwork

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def full() -> torch.cuda.OutOfMemoryError:
    return torch.cuda.OutOfMemoryError("CUDA out of memory")


def test_batches_are_halved_until_they_fit() -> None:
    done: list[tuple[int, int]] = []

    def compute(rows: slice) -> None:
        if rows.stop - rows.start > 10:
            raise full()
        done.append((rows.start, rows.stop))

    assert in_batches(compute, 45, 64, CUDA) == 8
    assert done == [(0, 8), (8, 16), (16, 24), (24, 32), (32, 40), (40, 45)]


def test_a_memory_too_small_for_anything_is_an_error() -> None:
    def compute(rows: slice) -> None:
        raise full()

    with pytest.raises(ModelError, match="--device cpu"):
        in_batches(compute, 3, 64, CUDA)


def test_embedding_is_the_same_when_the_memory_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(EncoderConfig())
    crops = np.random.default_rng(0).random((20, 1, 32, 32), np.float32)
    expected = embed(encoder, crops)
    forward = encoder.forward

    def tight(batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > 4:
            raise full()
        return forward(batch)

    monkeypatch.setattr(encoder, "forward", tight)
    np.testing.assert_allclose(embed(encoder, crops), expected, atol=1e-6)


def test_mixed_precision_is_for_gpus_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(device.torch, "autocast", lambda *kind: made.append(kind) or nullcontext())
    monkeypatch.setattr(device.torch.cuda, "is_bf16_supported", lambda: False)
    precision(CPU), precision(CUDA)
    assert not made
    monkeypatch.setattr(device.torch.cuda, "is_bf16_supported", lambda: True)
    precision(CPU), precision(CUDA)
    assert made == [("cuda", torch.bfloat16)]


def test_batches_follow_the_size_of_the_crops() -> None:
    small, large = EncoderConfig(), EncoderConfig(rank=3, size=64)
    assert embedded_at_once(small, CPU) == embedded_at_once(large, CPU) == 256
    assert embedded_at_once(small, CUDA) == 4096
    assert embedded_at_once(large, CUDA) == 256


def test_a_window_too_large_for_the_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    network = TrackerNetwork(TrackerConfig(width=16, blocks=1))
    frames = ArrayFrames(CASES["perfect"]().masks)
    graph = build_graph(*extract_features(Movie(frames, None, Scale.pixels(2)), max_gap=0), max_gap=0)

    def forward(*_: torch.Tensor) -> None:
        raise full()

    monkeypatch.setattr(network, "forward", forward)
    with pytest.raises(ModelError, match="candidate links does not fit"):
        score_windows(network, graph, [(0, 6)])


def test_no_device_is_taken_in_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device.torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(SettingsError, match="not available"):
        Tracker.from_pretrained(settings=TrackSettings(device="cuda")).track(np.zeros((3, 40, 40), np.uint8))
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device.torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == CUDA
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(SettingsError, match="cuda:2"):
        choose_device("cuda:2")
