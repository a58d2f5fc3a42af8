"""Annotated sequences to the variants that are learned from: measured, embedded, stored, labelled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from cell_tracker_gnn.data import Frames
from cell_tracker_gnn.embedding.encoder import Encoder
from cell_tracker_gnn.errors import InputError, SettingsError
from cell_tracker_gnn.features.anisotropy import with_assumed_scale
from cell_tracker_gnn.features.extract import embed_cells, extract_features
from cell_tracker_gnn.graph.neighbourhood import Description, Neighbourhood, observed_reach
from cell_tracker_gnn.io import find_sequence, is_points, open_frames, open_movie, read_lineage_table
from cell_tracker_gnn.io.grid import TRACKED_SHARE
from cell_tracker_gnn.io.paths import PathText
from cell_tracker_gnn.stages.embedding import embedder
from cell_tracker_gnn.training.examples import Example, prepare_example
from cell_tracker_gnn.training.points import open_point_sequence
from cell_tracker_gnn.training.segmenter import segment
from cell_tracker_gnn.training.settings import TrainSettings
from cell_tracker_gnn.training.store import FeatureStore, Fingerprint, encoder_key, fingerprint
from cell_tracker_gnn.training.variants import Faults, Features, PartOfFrames, TrainingSequence, Variant, variant_movie

__all__ = [
    "choose_neighbourhood",
    "confine_sequence",
    "open_sequence",
    "prepare_sequence",
    "sequence_features",
    "sequence_variants",
    "variants_of",
]

FINDS = 0.8
"""Cells that the plain segmenter must find, and pieces that must be cells, as a harmonic mean, to learn from it."""

FEWEST_FRAMES = 6
"""Sub-sampled variants of fewer frames teach nothing about time."""

LIGHT = Faults(missed=0.05, merged=0.02, split=0.02, spurious=0.02, jitter=0.3)
HEAVY = Faults(missed=0.02, merged=0.05, split=0.04, spurious=0.03, jitter=0.3)
SHAKY = Faults(jitter=0.7)
SPARSE = Faults(missed=0.03, spurious=0.02)

DAMAGED, AS_POINTS = 0.35, 0.35
"""Weights of damaged masks and of points: more of them cost certainty about divisions on good masks (docs/tried.md)."""


_log = logging.getLogger(__name__)


def open_sequence(
    data: PathText,
    *,
    images: PathText | None = None,
    masks: PathText | None = None,
    lineage: PathText | None = None,
    scale: Sequence[float] | None = None,
) -> TrainingSequence:
    """Open one annotated CTC sequence, see :func:`~cell_tracker_gnn.io.find_sequence`, or a table of tracked points.

    In a table, ``id`` is the track of a point and ``parent`` that of its mother, see
    :func:`~cell_tracker_gnn.io.read_point_lineage`.
    """
    if is_points(data):
        if masks is not None or lineage is not None:
            raise SettingsError(f"{data} has points and their lineage; leave --masks and --lineage away")
        return open_point_sequence(data, images=images, scale=scale)
    paths = find_sequence(data, images=images, masks=masks, lineage=lineage)
    movie = with_assumed_scale(open_movie(paths.masks, paths.images, scale=scale))
    return TrainingSequence(paths.name, movie, open_frames(paths.markers), read_lineage_table(paths.lineage))


def confine_sequence(sequence: TrainingSequence, settings: TrainSettings) -> TrainingSequence:
    """The annotated frames of a sequence, as far as the settings want them.

    Frames before the first and after the last marker are left out: there nothing is known.

    Raises
    ------
    InputError
        If fewer than two frames are left.
    """
    movie, seen = sequence.movie, set(sequence.markers.numbers)
    marked = [index for index, number in enumerate(movie.numbers) if number in seen]
    first, last = (marked[0], marked[-1] + 1) if marked else (0, 0)
    if settings.limit:
        last = min(last, first + settings.limit * settings.jump)
    if len(range(first, last, settings.jump)) < 2:
        raise InputError(
            f"{sequence.name} has fewer than two annotated frames under these settings; give more, or a smaller jump"
        )
    if (first, last, settings.jump) == (0, len(movie), 1):
        return sequence

    def part(frames: Frames) -> Frames:
        return PartOfFrames(frames, settings.jump, first, last)

    images = None if movie.images is None else part(movie.images)
    return replace(sequence, movie=replace(movie, masks=part(movie.masks), images=images))


def variants_of(frames: int, settings: TrainSettings) -> list[Variant]:
    """The ways in which a sequence of so many frames is looked at; the first one is the sequence as it is."""
    variants = [Variant()]
    if settings.subsample:
        variants += [Variant(2), Variant(3, 1), Variant(5)]
    if settings.faults:
        variants += [
            Variant(faults=SHAKY, seed=settings.seed + 3, weight=0.7),
            Variant(faults=LIGHT, seed=settings.seed, weight=DAMAGED),
            Variant(faults=HEAVY, seed=settings.seed + 1, weight=DAMAGED),
            Variant(points=TRACKED_SHARE, seed=settings.seed, weight=AS_POINTS),
        ]
        if settings.subsample:
            variants += [
                Variant(2, 1, faults=HEAVY, seed=settings.seed + 2, weight=DAMAGED),
                Variant(2, points=0.7, faults=SPARSE, seed=settings.seed + 1, weight=AS_POINTS),
            ]
    return [v for v in variants if v.every == 1 or frames // v.every >= FEWEST_FRAMES]


def sequence_variants(sequence: TrainingSequence, settings: TrainSettings) -> list[Variant]:
    """The ways in which a sequence is looked at, with the masks of the plain segmenter where it is good enough."""
    variants = variants_of(len(sequence.movie), settings)
    if sequence.movie.points is not None:
        return [replace(v, weight=AS_POINTS) for v in variants if v.points is None and v.faults != SHAKY]
    if settings.faults and segmentable(sequence):
        variants.append(Variant(segmented=True, weight=DAMAGED))
    return variants


def segmentable(sequence: TrainingSequence) -> bool:
    """Whether the plain segmenter finds most of the annotated cells of the middle frame, and little else."""
    movie, middle = sequence.movie, len(sequence.movie) // 2
    number = movie.numbers[middle]
    if movie.images is None or number not in sequence.markers.numbers:
        return False
    mask = segment(movie.images[middle])
    marker = np.asarray(sequence.markers[sequence.markers.numbers.index(number)])
    found, wanted = np.unique(mask[(marker > 0) & (mask > 0)]), np.unique(marker[marker > 0])
    return bool(2 * len(found) > FINDS * (int(mask.max()) + len(wanted)))


def sequence_features(
    sequence: TrainingSequence,
    settings: TrainSettings,
    encoder: Encoder | None = None,
    *,
    device: torch.device | None = None,
    store: FeatureStore | None = None,
    compute: bool = True,
) -> list[Features]:
    """Cells and movement of all variants of a sequence, from the store as far as it has them.

    Parameters
    ----------
    sequence
        The annotated movie.
    settings
        Settings of the training.
    encoder
        Embeds the cells.
    device
        Where to embed; the CPU when left out.
    store
        Where features are kept; nowhere when left out.
    compute
        Whether what the store lacks, or what is stale in it, is computed and stored.

    Raises
    ------
    InputError
        If nothing may be computed and the store lacks features or they are stale.
    """
    variants = sequence_variants(sequence, settings)
    return _features_of(sequence, variants, settings, encoder, device=device, store=store, compute=compute)


def _features_of(
    sequence: TrainingSequence,
    variants: Sequence[Variant],
    settings: TrainSettings,
    encoder: Encoder | None,
    *,
    device: torch.device | None,
    store: FeatureStore | None,
    compute: bool,
) -> list[Features]:
    """The features of these variants, see :func:`sequence_features`."""
    embed = embedder(encoder, sequence.movie, device or torch.device("cpu"))
    if store is None:
        movies = [variant_movie(sequence, variant) for variant in variants]
        return [extract_features(movie, max_gap=settings.max_gap, embed=embed) for movie in movies]
    made_of = fingerprint(sequence, variants, settings.max_gap)
    features = _measured(sequence, variants, settings, store, made_of, compute=compute)
    if encoder is None or embed is None:
        return features
    key = encoder_key(encoder, made_of)
    rows = store.load_embeddings(sequence.name, key, [len(cells) for cells, _ in features])
    if rows is None:
        if not compute:
            raise InputError(
                f"{store.folder} has no embeddings of {sequence.name} by this encoder; run --stage features first"
            )
        _log.info("%s is embedded for %s", sequence.name, store.folder)
        movies = [variant_movie(sequence, variant) for variant in variants]
        rows = [embed_cells(movie, cells, embed) for movie, (cells, _) in zip(movies, features, strict=True)]
        store.save_embeddings(sequence.name, key, rows)
    return [(replace(cells, embedding=own), moves) for own, (cells, moves) in zip(rows, features, strict=True)]


def _measured(
    sequence: TrainingSequence,
    variants: Sequence[Variant],
    settings: TrainSettings,
    store: FeatureStore,
    made_of: Fingerprint,
    *,
    compute: bool,
) -> list[Features]:
    """Features without embeddings, from the store if they are not stale."""
    complaint = store.complaint(sequence.name, made_of)
    if not complaint:
        return store.load(sequence, variants)
    if not compute:
        raise InputError(
            f"the features of {sequence.name} in {store.folder} {complaint}; run --stage features with the same "
            "sequences and settings first"
        )
    _log.info("the features of %s in %s %s and are measured", sequence.name, store.folder, complaint)
    movies = [variant_movie(sequence, variant) for variant in variants]
    features = [extract_features(movie, max_gap=settings.max_gap) for movie in movies]
    store.save(sequence.name, made_of, features)
    return features


def choose_neighbourhood(sequences: Sequence[TrainingSequence], settings: TrainSettings) -> Neighbourhood:
    """The neighbourhood that the settings ask for: the multipliers, times the movement observed if that is the kind."""
    factors = settings.factors
    if settings.neighbourhood != "movement":
        return Neighbourhood(settings.neighbourhood, factors if settings.neighbourhood == "boxes" else ())
    seen = []
    for sequence in sequences:
        example = prepare_example(sequence, Variant(), max_gap=settings.max_gap)
        seen.append(observed_reach(example.graph.cells, example.graph.candidates, example.positive))
    rank = max(len(reach) for reach in seen)
    # In 3D an axis that flat movies lack is that of the volumes alone.
    most = np.max([np.pad(reach, (rank - len(reach), 0)) for reach in seen], axis=0)
    reach = np.maximum(most, 1e-6) * np.asarray(factors if len(factors) == 1 else factors[-rank:])
    return Neighbourhood("movement", tuple(float(one) for one in reach))


def prepare_sequence(
    sequence: TrainingSequence,
    settings: TrainSettings,
    encoder: Encoder | None = None,
    *,
    device: torch.device | None = None,
    store: FeatureStore | None = None,
    compute: bool = True,
    neighbourhood: Neighbourhood = Neighbourhood(),
) -> list[Example]:
    """Labelled graphs of all variants of a sequence, the unchanged one first; see :func:`sequence_features`.

    Raises
    ------
    InputError
        If the lineage links none of the cells, or as in :func:`sequence_features`.
    """
    describe = Description("measured" if settings.preset == "paper" else "relative", neighbourhood)
    variants = sequence_variants(sequence, settings)
    features = _features_of(sequence, variants, settings, encoder, device=device, store=store, compute=compute)
    examples: list[Example] = []
    sparse = {"auto": None, "full": False, "sparse": True}[settings.annotation]
    for variant, known in zip(variants, features, strict=True):
        example = prepare_example(
            sequence, variant, max_gap=settings.max_gap, describe=describe, features=known, sparse=sparse
        )
        # Damaged masks match less well, so the movie as it is says for all of them how it is annotated.
        sparse = example.trust is not None
        _log.info("%s %s: %d cells, recall %.4f", sequence.name, variant, len(example.parent), example.recall)
        examples.append(example)
    if examples[0].trust is not None:
        _log.info("%s is annotated sparsely: only links of annotated cells are learned from", sequence.name)
    if not examples[0].positive.any():
        raise InputError(
            f"no cell of {sequence.name} is linked to another by the lineage; check that masks, markers and lineage "
            "belong together"
        )
    return examples
