from __future__ import annotations

from pathlib import Path

import pytest

from cell_tracker_gnn.errors import InputError
from cell_tracker_gnn.io.numbering import number_files


def numbers(*names: str) -> list[int]:
    return [number for number, _ in number_files(Path("movie", name) for name in names)]


def test_order_is_that_of_the_numbers() -> None:
    ordered = number_files([Path("t10.tif"), Path("t9.tif"), Path("t100.tif")])
    assert [(number, path.name) for number, path in ordered] == [(9, "t9.tif"), (10, "t10.tif"), (100, "t100.tif")]


def test_four_and_six_digits_and_growing_digits() -> None:
    assert numbers("t0995.tif", "t0996.tif") == [995, 996]
    assert numbers("man_track000000.tif", "man_track000001.tif") == [0, 1]
    assert numbers(*(f"mask{n}.tif" for n in range(995, 1006))) == list(range(995, 1006))


def test_the_varying_group_is_the_number() -> None:
    assert numbers("exp2_pos3_t7_c1.tif", "exp2_pos3_t8_c1.tif") == [7, 8]
    assert numbers("20240101-5-ch1.tif", "20240101-6-ch1.tif") == [5, 6]


@pytest.mark.parametrize(
    "pattern", ["s{s}_t{t:03d}.tif", "s{s}T={t}.tif", "{t}_t{t}_z{s}.tif", "s{s} time {t:02d}.tif"]
)
def test_the_group_after_t_wins(pattern: str) -> None:
    assert numbers(*(pattern.format(s=s, t=t) for s, t in [(4, 1), (5, 2), (4, 3)])) == [1, 2, 3]


def test_one_file() -> None:
    assert numbers("exp2_t017.tif") == [17]
    assert numbers("cells.tif") == [0]


def test_several_varying_groups_are_named() -> None:
    with pytest.raises(InputError, match=r"'1', '5' in a1_5\.tif"):
        numbers("a1_5.tif", "a2_6.tif", "a1_7.tif")


def test_equal_groups_are_one() -> None:
    assert numbers("f1_1.tif", "f2_2.tif") == [1, 2]


def test_duplicates_are_named() -> None:
    with pytest.raises(InputError, match=r"t01\.tif and .*t1\.tif both have frame number 1"):
        numbers("t1.tif", "t01.tif", "t2.tif")
    with pytest.raises(InputError, match=r"c0_t1\.tif and .*c1_t1\.tif"):
        numbers("c0_t1.tif", "c1_t1.tif", "c0_t2.tif", "c1_t2.tif")


def test_names_without_numbers() -> None:
    with pytest.raises(InputError, match="no frame number"):
        numbers("a.tif", "b.tif")


def test_names_of_different_structure() -> None:
    assert numbers("a_t1.tif", "a2_t2.tif") == [1, 2]
    with pytest.raises(InputError, match="built differently"):
        numbers("a_1.tif", "a_2 (1).tif")
