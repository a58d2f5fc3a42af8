"""Which frames are learned from and which are kept for validation."""

from __future__ import annotations

from collections.abc import Sequence

from cell_tracker_gnn.errors import SettingsError
from cell_tracker_gnn.training.examples import Example
from cell_tracker_gnn.training.settings import TrainSettings

__all__ = ["split_examples"]


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
        kept = max(1, round(settings.validation * len(examples)))
        if kept >= len(examples):
            raise SettingsError("split=sequence needs two sequences or more; name another one or take split=each")
        return [e for found in examples[:-kept] for e in found], [found[0] for found in examples[-kept:]]
    ends = {
        "each": set(range(len(examples))),
        "first": {0},
        "last": {len(examples) - 1},
        "both": {0, len(examples) - 1},
    }[settings.split]
    # One pool of windows: the share of all of them comes from the ends of a few.
    share = settings.validation * len(examples) / len(ends)
    cut = 1.0 - min(share, 0.9)
    training = [e.part(0.0, cut if index in ends else 1.0) for index, found in enumerate(examples) for e in found]
    validation = [examples[index][0].part(cut, 1.0) for index in sorted(ends)]
    usable = [e for e in validation if e.frames[1] - e.frames[0] >= 2]
    # A handful of annotated frames is too short to be divided.
    return training, usable or [found[0] for found in examples]
