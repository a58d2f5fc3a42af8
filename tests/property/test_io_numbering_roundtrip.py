from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cell_tracker_gnn.io.numbering import number_files

words = st.text(alphabet="abcdestTXYZ_- .()=", max_size=12)
prefixes = st.builds(lambda word, end: word + end, words, st.sampled_from(["", "_", "1_", "p03-"]))
frame_numbers = st.sets(st.integers(0, 2_000_000), min_size=2, max_size=30)


@given(prefixes, words, st.integers(1, 7), frame_numbers)
def test_any_prefix_and_digits_round_trip(prefix: str, suffix: str, digits: int, frames: set[int]) -> None:
    paths = {number: Path(f"{prefix}{number:0{digits}d}{suffix}x.tif") for number in frames}
    assert number_files(paths.values()) == sorted(paths.items())


@given(frame_numbers, st.data())
def test_the_group_after_t_round_trips_beside_another_varying_one(frames: set[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.integers(0, 99), min_size=len(frames), max_size=len(frames)))
    paths = {number: Path(f"s{other}_t{number:03d}.tif") for number, other in zip(frames, others, strict=True)}
    assert number_files(paths.values()) == sorted(paths.items())
