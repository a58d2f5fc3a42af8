"""The type of label images: 16 bits, as programs expect them, where that is enough."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

__all__ = ["LabelType", "label_type"]

LabelType: TypeAlias = type[np.uint16] | type[np.uint32]


def label_type(most: int) -> LabelType:
    """The type of a label image whose largest label is ``most``."""
    return np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32
