"""Reading movies and writing results, one file per format; arrays are (t, z, y, x) or (t, y, x)."""

from cell_tracker_gnn.io.ctc import write_ctc
from cell_tracker_gnn.io.formats import convert, read_lineage, write_lineage
from cell_tracker_gnn.io.lineage_table import LineageTable, read_lineage_table
from cell_tracker_gnn.io.movie import Source, open_frames, open_movie
from cell_tracker_gnn.io.output import check_output, work_folder, write_json
from cell_tracker_gnn.io.point_lineage import read_point_lineage
from cell_tracker_gnn.io.point_movie import open_points
from cell_tracker_gnn.io.points import PointSource, PointTable, is_points, read_points
from cell_tracker_gnn.io.result import check_formats, write_result
from cell_tracker_gnn.io.scale import read_scale
from cell_tracker_gnn.io.sequence import SequencePaths, find_sequence
from cell_tracker_gnn.io.table import read_table, write_table

__all__ = [
    "LineageTable",
    "PointSource",
    "PointTable",
    "SequencePaths",
    "Source",
    "check_formats",
    "check_output",
    "convert",
    "find_sequence",
    "is_points",
    "open_frames",
    "open_movie",
    "open_points",
    "read_lineage",
    "read_lineage_table",
    "read_point_lineage",
    "read_points",
    "read_scale",
    "read_table",
    "work_folder",
    "write_ctc",
    "write_json",
    "write_lineage",
    "write_result",
    "write_table",
]
