"""Which frames are learned from and which are kept for validation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.settings import TrainSettings

__all__ = ["check_split", "split_examples"]


def check_split(settings: TrainSettings, sequences: int) -> None:
    """Refuse to keep whole sequences where none would be left.

    Raises
    ------
    SettingsError
        If there is only one sequence.
    """
    if settings.split == "sequence" and sequences < 2:
        raise SettingsError("split=sequence needs two sequences or more; name another one or take split=each")


def split_examples(
    examples: Sequence[Sequence[Example]], settings: TrainSettings
) -> tuple[list[Example], list[Example]]:
    """Training examples with all their variants, and validation examples as they are.

    Parameters
    ----------
    examples
        What :func:`~cell_tracker_gnn.training.prepare.prepare_sequence` gave for each sequence.
    settings
        ``split`` says where the validation share is taken from, see
        :class:`~cell_tracker_gnn.training.settings.TrainSettings`.

    Raises
    ------
    SettingsError
        If whole sequences are to be kept but there is only one.
    """
    if settings.split == "sequence":
        check_split(settings, len(examples))
        kept = min(max(1, round(settings.validation * len(examples))), len(examples) - 1)
        return [e for found in examples[:-kept] for e in found], [found[0] for found in examples[-kept:]]
    ends = {
        "each": set(range(len(examples))),
        "first": {0},
        "last": {len(examples) - 1},
        "both": {0, len(examples) - 1},
    }[settings.split]
    # One pool of windows: the share of all of them comes from the ends of a few.
    share = min(settings.validation * len(examples) / len(ends), 0.9)
    cuts = [_cut(found[0], share) if index in ends else 1.0 for index, found in enumerate(examples)]
    training = [e.part(0.0, cut) for cut, found in zip(cuts, examples, strict=True) for e in found]
    validation = [examples[index][0].part(cuts[index], 1.0) for index in sorted(ends)]
    usable = [e for e in validation if e.frames[1] - e.frames[0] >= 2 and e.judged.any()]
    # A handful of annotated frames is too short to be divided.
    return training, usable or [found[0] for found in examples]


def _cut(example: Example, share: float) -> float:
    """Where the validation part begins, as a share of the frames; of a sparse annotation by what is judged."""
    first, last = example.frames
    if example.trust is None or not example.judged.any():
        return 1.0 - share
    frame = example.graph.cells.frame[example.graph.candidates.source[example.judged]]
    cut = float((np.floor(np.quantile(frame, 1.0 - share)) - first) / (last - first))
    # A few corrections in neighbouring frames cannot be divided.
    return cut if all(part.judged.any() for part in (example.part(0.0, cut), example.part(cut, 1.0))) else 1.0
