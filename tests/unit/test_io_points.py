"""Tables of points: what is read, and how they become a movie of discs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cell_tracker_gnn.data import ArrayFrames
from cell_tracker_gnn.errors import CellTrackerError, FrameMismatchError, InputError, MissingInputError
from cell_tracker_gnn.io import is_points, open_points, read_point_lineage, read_points
from cell_tracker_gnn.io.discs import draw_discs
from cell_tracker_gnn.io.grid import usual_spacing


def table(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    path.write_text(text)
    return path


def test_columns_are_told_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    read = read_points(table("X,note, ID ,T,y\n3.5,a,7,0,2\n4,b,9,1,1\n", tmp_path))
    assert read.number.tolist() == [0, 1]
    assert read.position.tolist() == [[2, 3.5], [1, 4]]
    assert read.label.tolist() == [7, 9]
    assert read.parent is None


def test_rows_are_the_labels_where_there_is_no_id(tmp_path: Path) -> None:
    movie = open_points(table("t,y,x\n1,0,0\n0,5,5\n0,0,0\n", tmp_path))
    assert movie.points is not None
    assert movie.points.label.tolist() == [2, 1, 0]
    assert open_points(table("t,y,x\n1,0,0\n0,5,5\n0,0,0\n", tmp_path), frames="0:1").points.label.tolist() == [2, 1]


def test_an_empty_z_means_two_dimensions(tmp_path: Path) -> None:
    assert read_points(table("t,z,y,x\n0,,1,2\n", tmp_path)).rank == 2
    assert read_points(table("t,z,y,x\n0,3,1,2\n", tmp_path)).position.tolist() == [[3, 1, 2]]


class _Frame:
    """As much of a data frame as is used."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = list(columns)
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]


def _structured(columns: dict[str, Any]) -> Any:
    array = np.zeros(2, [(name, float) for name in columns])
    for name, values in columns.items():
        array[name] = values
    return array


@pytest.mark.parametrize("kind", [dict, pa.table, _Frame, _structured])
def test_tables_in_memory_are_read(kind: Callable[[dict[str, Any]], Any]) -> None:
    source = kind({"t": [0, 1], "x": [1.0, 2.0], "y": [3, 4]})
    assert is_points(source)
    assert read_points(source).position.tolist() == [[3, 1], [4, 2]]


def test_parquet_is_read(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"t": [0], "y": [1.0], "x": [2.0]}), tmp_path / "p.parquet")
    assert is_points(tmp_path / "p.parquet")
    assert read_points(tmp_path / "p.parquet").position.tolist() == [[1, 2]]


def test_masks_are_no_points(tmp_path: Path) -> None:
    for source in (np.zeros((2, 5, 5), int), [np.zeros((5, 5), int)], tmp_path, "masks.tif", ArrayFrames([])):
        assert not is_points(source)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,y\n0,1\n", ["no column 'x'", "t, y"]),
        ("frame,y,x\n0,1,1\n", ["no column 't'", "rename 'frame'"]),
        ("t,y,pos_x\n0,1,1\n", ["no column 'x'", "rename 'pos_x'"]),
        ("t;y;x\n0;1;1\n", ["no column 't'", "t;y;x"]),
        ("t,y,x,X\n0,1,1,2\n", ["two columns 'x'"]),
        ("t,y,x\n0,1,1\n0.5,1,1\n", ["t is 0.5 in row 1"]),
        ("t,y,x\n0,1,1\n,1,1\n", ["t is empty in row 1"]),
        ("t,y,x\n-3,1,1\n", ["t is -3 in row 0"]),
        ("t,y,x\n4,1,1\n4,,1\n", ["y is empty in row 1 (frame 4)"]),
        ("t,y,x\n4,1,inf\n", ["x is infinite in row 0 (frame 4)"]),
        ("t,y,x\n0,1,1\n0,a,1\n", ["y is 'a' in row 1"]),
        ("t,y,x,id\n0,1,1,7\n1,1,1,7\n1,2,2,7\n", ["id 7 stands twice in frame 1", "rows 1 and 2"]),
        ("t,y,x,id\n0,1,1,1.5\n", ["id is 1.5 in row 0"]),
        ("t,y,x,id\n0,1,1,c1\n", ["id is 'c1' in row 0"]),
        ("t,y,x\n0,1,1\n900000000,1,1\n", ["t runs from 0 to 900000000"]),
    ],
)
def test_unusable_tables_are_refused_in_one_sentence(text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_points(table(text, tmp_path))
    for word in [*words, "points.csv"]:
        assert word in str(caught.value)


def test_nothing_to_track_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no points"):
        read_points(table("t,y,x\n", tmp_path))
    with pytest.raises(MissingInputError, match=r"points\.csv"):
        read_points(tmp_path / "point.csv" if table("t,y,x\n0,1,1\n", tmp_path) else "")
    with pytest.raises(MissingInputError, match="3:5"):
        open_points(table("t,y,x\n0,1,1\n", tmp_path), frames="3:5")


def test_points_outside_the_images_are_named(tmp_path: Path) -> None:
    images = np.zeros((2, 20, 30), np.uint8)
    movie = open_points(table("t,y,x\n0,19.4,-0.5\n1,0,29.4\n", tmp_path), images)
    assert movie.shape == (20, 30)
    with pytest.raises(FrameMismatchError, match=r"row 1 .*\(frame 1\) lies at y = 20, x = 3, outside"):
        open_points(table("t,y,x\n0,1,1\n1,20,3\n", tmp_path), images)
    with pytest.raises(FrameMismatchError, match=r"row 1 .*frame 5, which has no image"):
        open_points(table("t,y,x\n0,1,1\n5,2,3\n", tmp_path), images)
    with pytest.raises(FrameMismatchError, match="remove the column z"):
        open_points(table("t,z,y,x\n0,1,1,1\n", tmp_path), images)


def test_a_stack_of_images_takes_the_numbers_of_the_points(tmp_path: Path) -> None:
    points = table("t,y,x\n7,1,1\n9,1,1\n", tmp_path)
    assert open_points(points, np.zeros((3, 20, 30), np.uint8)).numbers == (7, 8, 9)


def test_frames_without_points_are_empty_unless_all_numbers_are_steps(tmp_path: Path) -> None:
    movie = open_points(table("t,y,x\n0,1,1\n1,1,1\n3,1,1\n", tmp_path))
    assert movie.numbers == (0, 1, 2, 3)
    assert [bool(movie.masks[i].any()) for i in range(4)] == [True, True, False, True]
    assert open_points(table("t,y,x\n0,1,1\n5,1,1\n10,1,1\n", tmp_path)).numbers == (0, 5, 10)
    assert open_points(table("t,y,x\n0,1,1\n2,1,1\n", tmp_path)).numbers == (0, 1, 2)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e5])
@pytest.mark.parametrize("shift", [-1e3, 0.0, 1e3])
def test_the_canvas_fits_any_coordinates(factor: float, shift: float) -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 500, (3, 40, 2)) * factor + shift * factor
    columns = {"t": np.repeat(np.arange(3), 40), "y": place[..., 0].ravel(), "x": place[..., 1].ravel()}
    movie = open_points(columns)
    assert movie.points is not None
    assert np.prod(movie.shape) < 1e6
    for index in range(3):
        mask, rows = movie.masks[index], movie.points.rows(index)
        home = np.rint(movie.points.centre[rows]).astype(int)
        assert np.unique(mask).tolist() == list(range(41))
        assert (mask[tuple(home.T)] > 0).all()
    reference = open_points(
        {"t": columns["t"], "y": place[..., 0].ravel() / factor, "x": place[..., 1].ravel() / factor}
    )
    assert np.abs(np.array(movie.shape) - reference.shape).max() <= 1


def test_one_far_point_does_not_blow_up_the_canvas() -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 100, (60, 2))
    place[7] = 1e9
    movie = open_points({"t": np.zeros(60, int), "y": place[:, 0], "x": place[:, 1]})
    assert np.prod(movie.shape) < 5e7
    assert len(np.unique(movie.masks[0])) == 61


def test_unequal_axes_give_spheres_in_the_unit_of_the_scale() -> None:
    place = np.random.default_rng(1).uniform(0, 1, (30, 3)) * (10, 100, 100)
    columns = {"t": np.zeros(30, int), **dict(zip("zyx", place.T, strict=True))}
    movie = open_points(columns, scale=(10.0, 1.0, 1.0))
    assert len(set(movie.scale.step)) == 1
    assert movie.shape[0] == pytest.approx(movie.shape[1], abs=12)
    images = np.zeros((1, 12, 110, 110), np.uint8)
    mask = open_points(columns, images, scale=(10.0, 1.0, 1.0)).masks[0]
    extent = np.ptp(np.argwhere(mask == 1), axis=0)
    assert extent[0] <= 2 < extent[1]


def test_spacing_of_sparse_movies() -> None:
    pair = np.array([[0.0, 0.0], [0.0, 9.0]])
    assert usual_spacing(np.array([0, 0]), pair) == 9.0
    assert usual_spacing(np.array([0, 1]), pair) > 9.0
    assert usual_spacing(np.array([0, 1]), pair * 0) == 1.0
    assert usual_spacing(np.array([0, 0]), pair * 0) == 1.0


def test_hidden_discs_keep_a_pixel() -> None:
    centre = np.array([[4.0, 4.0]] * 12 + [[4.2, 4.0], [0.0, 0.0]])
    mask = draw_discs(centre, np.arange(1, 15), (2.0, 2.0), (9, 9))
    assert np.unique(mask).tolist() == list(range(15))
    full = draw_discs(np.zeros((9, 2)), np.arange(1, 10), (1.0, 1.0), (3, 3))
    assert sorted(full.ravel().tolist()) == list(range(1, 10))
    with pytest.raises(CellTrackerError, match="thin them"):
        open_points({"t": [0] * 5, "y": [0] * 5, "x": [0] * 5}, np.zeros((1, 2, 2), np.uint8))


def test_lineage_of_annotated_points(tmp_path: Path) -> None:
    text = "t,y,x,id,parent\n0,0,0,4,\n1,0,0,4,\n2,0,0,5,4\n2,0,9,7,4\n2,5,5,9,-1\n"
    tracks = read_point_lineage(read_points(table(text, tmp_path)))
    assert np.stack([tracks.label, tracks.begin, tracks.end, tracks.parent], axis=1).tolist() == [
        [4, 0, 1, 0], [5, 2, 2, 4], [7, 2, 2, 4], [9, 2, 2, 0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,y,x\n0,1,1\n", "no column 'id'"),
        ("t,y,x,id\n0,1,1,0\n", "id is 0 in row 0"),
        ("t,y,x,id,parent\n0,1,1,1,0\n1,1,1,2,8\n", "parent 8, which has no point"),
        ("t,y,x,id,parent\n0,1,1,1,0\n1,1,1,1,0\n1,2,2,2,1\n", "ends in frame 1"),
        ("t,y,x,id,parent\n0,1,1,1,0\n0,1,1,2,0\n1,1,1,3,1\n2,2,2,3,2\n", "another one in other rows"),
    ],
)
def test_contradictory_lineages_are_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_point_lineage(read_points(table(text, tmp_path)))
