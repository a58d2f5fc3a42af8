"""Features on disk: what comes back is what was measured, and what is stale is not used."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cell_tracker_gnn.data import ArrayFrames, Scale
from cell_tracker_gnn.embedding.encoder import Encoder, EncoderConfig
from cell_tracker_gnn.errors import InputError, MissingInputError, ModelError, OutputError, SettingsError
from cell_tracker_gnn.model.weights import load_encoder
from cell_tracker_gnn.simulation import SimulationSettings
from cell_tracker_gnn.training import run
from cell_tracker_gnn.training.encoder import read_encoder, write_encoder
from cell_tracker_gnn.training.prepare import prepare_sequence, sequence_features, sequence_variants
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.store import FeatureStore, encoder_key, fingerprint
from cell_tracker_gnn.training.variants import TrainingSequence
from training_sequences import simulated_sequence

SETTINGS = TrainSettings(subsample=False, faults=True, embedding_dim=8)


def make(kind: str = "nuclei", size: tuple[int, ...] = (96, 96)) -> TrainingSequence:
    return simulated_sequence(SimulationSettings(kind, frames=5, cells=6, size=size, seed=4))


@pytest.fixture(scope="module")
def sequence() -> TrainingSequence:
    return make()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(dim=8)).eval()


@pytest.mark.parametrize(("kind", "size"), [("nuclei", (96, 96)), ("nuclei3d", (10, 64, 64))])
def test_features_come_back_as_they_were(kind: str, size: tuple[int, ...], tmp_path: Path) -> None:
    sequence, store = make(kind, size), FeatureStore(tmp_path)
    encoder = Encoder(EncoderConfig(rank=len(size), dim=8)).eval()
    direct = sequence_features(sequence, SETTINGS, encoder)
    sequence_features(sequence, SETTINGS, encoder, store=store)
    stored = sequence_features(sequence, SETTINGS, encoder, store=store, compute=False)
    assert len(direct) == len(stored) == len(sequence_variants(sequence, SETTINGS)) > 3
    for (cells, moves), (cells_again, moves_again) in zip(direct, stored, strict=True):
        for field in fields(cells):
            one, two = getattr(cells, field.name), getattr(cells_again, field.name)
            if isinstance(one, np.ndarray):
                assert one.dtype == two.dtype, field.name
                np.testing.assert_allclose(one, two, atol=1e-6 if field.name == "embedding" else 0, err_msg=field.name)
            else:
                assert one == two, field.name
        for field in fields(moves):
            np.testing.assert_array_equal(getattr(moves, field.name), getattr(moves_again, field.name))


def test_stored_features_give_the_same_graphs(sequence: TrainingSequence, encoder: Encoder, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    direct = prepare_sequence(sequence, SETTINGS, encoder)
    for again in (prepare_sequence(sequence, SETTINGS, encoder, store=store) for _ in range(2)):
        for one, two in zip(direct, again, strict=True):
            np.testing.assert_allclose(one.graph.link_features, two.graph.link_features, atol=1e-5)
            np.testing.assert_array_equal(one.positive, two.positive)


def test_what_has_changed_is_named_and_not_used(sequence: TrainingSequence, tmp_path: Path) -> None:
    store, movie = FeatureStore(tmp_path), sequence.movie
    sequence_features(sequence, SETTINGS, store=store)
    one_pixel = [np.array(movie.masks[index]) for index in range(len(movie))]
    one_pixel[3][0, 0] = 99
    darker = ArrayFrames([movie.images[index] - 1 for index in range(len(movie))])  # type: ignore[index]
    changes = {
        "other masks or images": (replace(movie, masks=ArrayFrames(one_pixel)), SETTINGS),
        "masks or images": (replace(movie, images=darker), SETTINGS),
        "or images": (replace(movie, images=None), SETTINGS),
        "another scale": (replace(movie, scale=Scale((2.0, 2.0))), SETTINGS),
        "another max_gap": (movie, replace(SETTINGS, max_gap=1)),
        "faults, subsample or seed": (movie, replace(SETTINGS, seed=7)),
    }
    for words, (changed, settings) in changes.items():
        with pytest.raises(InputError, match=words):
            sequence_features(replace(sequence, movie=changed), settings, store=store, compute=False)
    assert sequence_features(sequence, SETTINGS, store=store, compute=False)


def test_stale_features_are_measured_anew(sequence: TrainingSequence, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    sequence_features(sequence, SETTINGS, store=store)
    other = replace(SETTINGS, max_gap=0)
    _, moves = sequence_features(sequence, other, store=store)[0]
    assert len(moves.flow) == 1
    assert sequence_features(sequence, other, store=store, compute=False)


def test_embeddings_of_another_encoder_are_not_used(
    sequence: TrainingSequence, encoder: Encoder, tmp_path: Path
) -> None:
    store = FeatureStore(tmp_path)
    sequence_features(sequence, SETTINGS, encoder, store=store)
    torch.manual_seed(5)
    other = Encoder(encoder.config).eval()
    with pytest.raises(InputError, match="by this encoder"):
        sequence_features(sequence, SETTINGS, other, store=store, compute=False)
    made_of = fingerprint(sequence, sequence_variants(sequence, SETTINGS), 2)
    assert encoder_key(encoder, made_of) != encoder_key(other, made_of)
    assert encoder_key(encoder, made_of) != encoder_key(encoder, {**made_of, "max_gap": 3})
    sequence_features(sequence, SETTINGS, other, store=store)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_a_damaged_store_is_refused(sequence: TrainingSequence, encoder: Encoder, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    sequence_features(sequence, SETTINGS, encoder, store=store)
    embeddings = next(tmp_path.glob("*.npy"))
    np.save(embeddings, np.load(embeddings)[:-1])
    with pytest.raises(InputError, match="does not fit"):
        sequence_features(sequence, SETTINGS, encoder, store=store)
    embeddings.write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        sequence_features(sequence, SETTINGS, encoder, store=store)
    (tmp_path / "simulated-01.pairs.parquet").unlink()
    with pytest.raises(InputError, match="not complete"):
        sequence_features(sequence, SETTINGS, store=store, compute=False)
    (tmp_path / "simulated-01.json").write_text("{")
    with pytest.raises(InputError, match="no readable description"):
        sequence_features(sequence, SETTINGS, store=store, compute=False)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        sequence_features(sequence, SETTINGS, store=FeatureStore(tmp_path / "file"))


def test_an_encoder_is_kept_with_its_settings(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "encoder.tensors"
    with pytest.raises(MissingInputError, match="--stage embedding"):
        read_encoder(path, SETTINGS)
    write_encoder(encoder, {"map_at_r": 0.5}, SETTINGS, path)
    again, scores = read_encoder(path, SETTINGS)
    assert again is not None
    assert scores == {"map_at_r": 0.5}
    assert again.config == encoder.config
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    for change in ({"encoder": "resnet18"}, {"crop": "patch"}, {"embedding_dim": 16}, {"embedding_loss": "circle"}):
        with pytest.raises(SettingsError, match="was trained with"):
            read_encoder(path, replace(SETTINGS, **change))
    assert read_encoder(path, replace(SETTINGS, embedding=False)) == (None, {})
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a readable"):
        load_encoder(path)


def test_training_refuses_what_the_stages_cannot_tell_apart(sequence: TrainingSequence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two sequences are called simulated/01"):
        run._check_names([sequence, sequence])
    with pytest.raises(SettingsError, match="'encoder' is unknown; choose one of embedding, features, tracker"):
        run.train([], tmp_path, stage="encoder")
