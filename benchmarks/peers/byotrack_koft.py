"""ByoTrack's KOFT: Kalman filter and optical flow (Farneback of OpenCV), parameters by its own estimation.

2D sequences with images only: the flow of OpenCV has no third dimension.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cv2
import numpy as np
from byotrack.implementation.linker.frame_by_frame.koft import KOFTLinker, KOFTLinkerParameters
from byotrack.implementation.optical_flow.opencv import OpenCVOpticalFlow

from peers.byotrack_kalman import detections, links
from peers.common import Link, Sequence, main


def video(sequence: Sequence) -> list[np.ndarray]:
    """Images of one channel between 0 and 1, by the quantiles of ByoTrack's own examples."""
    images = [sequence.image(index).astype(np.float32) for index in range(len(sequence.images))]
    low, high = np.quantile(np.stack(images[:: max(1, len(images) // 10)]), [0.02, 0.999])
    return [np.clip((image - low) / (high - low), 0, 1)[..., None] for image in images]


def link(sequence: Sequence) -> Iterator[Link]:
    if not sequence.images or sequence.mask(0).ndim != 2:
        sys.exit("needs 2D images")
    found = detections(sequence)
    settings = KOFTLinkerParameters(n_valid=1, split_factor=-1.0).estimate(found)
    flow = OpenCVOpticalFlow(cv2.FarnebackOpticalFlow.create())
    yield from links(KOFTLinker(settings, flow).run(video(sequence), found), sequence)


if __name__ == "__main__":
    main(link)
