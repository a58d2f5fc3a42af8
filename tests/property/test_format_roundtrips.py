"""What goes out comes back equal, format by format and property by property, and the table in the documents says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

from cell_tracker_gnn.data import KINDS, Lineage
from cell_tracker_gnn.io.formats import FORMATS, PROPERTIES, Format, losses
from cell_tracker_gnn.io.graphs import from_networkx, to_networkx
from lineages import lineages

ANY = settings(max_examples=3000, deadline=None, database=None, phases=[Phase.generate])
"""To find an example, however large."""

MERGED = [KINDS.index("merge"), KINDS.index("split")]
DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"


def compare(a: Lineage, b: Lineage) -> dict[str, bool]:
    """Which properties of a lineage came back equal."""
    scales, (plain_a, plain_b) = (a.cells.scale, b.cells.scale), (plain(a), plain(b))
    tracks = [frames_of(a, n) == frames_of(b, n) for n in ("begin", "end")]
    tracks.append(a.tracks.track.tolist() == b.tracks.track.tolist())
    return {
        "tracks": all(tracks) and rows(a, a.track) == rows(b, b.track),
        "labels": rows(a, a.cells.label) == rows(b, b.cells.label),
        "parents": a.tracks.parent.tolist() == b.tracks.parent.tolist() and plain_a == plain_b,
        "gaps": a.tracks.identity.tolist() == b.tracks.identity.tolist() and plain_a == plain_b,
        "merges": merged(a) == merged(b),
        "scale": bool(np.allclose(scales[0].step, scales[1].step, rtol=1e-12)) and same_places(a, b),
        "unit": scales[0].unit == scales[1].unit,
        "interval": scales[0].interval == scales[1].interval and scales[0].interval_unit == scales[1].interval_unit,
        "confidence": confidence(a) == confidence(b),
        "frames": tuple(a.cells.numbers) == tuple(b.cells.numbers),
        "masks": masks(a) == masks(b),
    }


def frames_of(lineage: Lineage, side: str) -> list[int]:
    return [lineage.cells.numbers[frame] for frame in getattr(lineage.tracks, side)]


def ends(lineage: Lineage) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Links as (frame, track) of both ends, which no format changes."""
    key = list(zip(lineage.cells.number.tolist(), lineage.track.tolist(), strict=True))
    return [(key[s], key[t]) for s, t in zip(lineage.links.source, lineage.links.target, strict=True)]


def plain(lineage: Lineage) -> list[tuple[object, int]]:
    found = zip(ends(lineage), lineage.links.kind.tolist(), strict=True)
    return sorted((end, kind) for end, kind in found if kind not in MERGED)


def merged(lineage: Lineage) -> list[tuple[object, int]]:
    found = zip(ends(lineage), lineage.links.kind.tolist(), strict=True)
    return sorted((end, kind) for end, kind in found if kind in MERGED)


def confidence(lineage: Lineage) -> list[tuple[object, float, float]]:
    links = lineage.links
    found = zip(ends(lineage), links.kind, links.probability.tolist(), links.margin.tolist(), strict=True)
    return sorted((end, p, m) for end, kind, p, m in found if kind not in MERGED)


def rows(lineage: Lineage, values: np.ndarray) -> list[tuple[int, int, int]]:
    place = np.rint(lineage.cells.centroid[:, -1]).astype(int)
    return sorted(zip(lineage.cells.number.tolist(), place.tolist(), values.tolist(), strict=True))


def same_places(a: Lineage, b: Lineage) -> bool:
    found = [x.cells.centroid[np.lexsort((x.track, x.cells.frame))] for x in (a, b)]
    return found[0].shape == found[1].shape and bool(np.allclose(*found, atol=1e-9))


def masks(lineage: Lineage) -> list[list[int]] | None:
    """Masks with the track in the place of the label."""
    if lineage.movie is None:
        return None
    frames = []
    for index, number in enumerate(lineage.movie.numbers):
        mask = lineage.movie.masks[index]
        here = lineage.cells.number == number
        table = dict(zip(lineage.cells.label[here].tolist(), lineage.track[here].tolist(), strict=True))
        frames.append([number, *(table.get(int(value), 0) for value in mask.ravel())])
    return frames


def there_and_back(lineage: Lineage, form: Format) -> Lineage:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"result{'.ome' if form.name == 'ome-zarr' else ''}{(*form.suffixes, '')[0]}"
        form.write(lineage, path)
        back = form.read(path)
        if back.movie is not None:
            frames = [back.movie.masks[index] for index in range(len(back.movie))]
            kept = type(lineage.movie.masks)(frames, back.movie.numbers)  # type: ignore[union-attr]
            back = replace(back, movie=replace(back.movie, masks=kept))
        return back


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_carries_comes_back_equal(name: str) -> None:
    form = FORMATS[name]

    # What merges leave behind where they are not carried is not promised, so lineages have none there.
    @settings(deadline=None, max_examples=15)
    @given(lineages(merges="merges" in form.carries))
    def trip(lineage: Lineage) -> None:
        back = compare(lineage, there_and_back(lineage, form))
        wrong = [prop for prop in form.carries if not back[prop]]
        assert not wrong, wrong
        if not losses(lineage, form):
            assert all(back.values())

    trip()


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_loses_what_it_says(name: str) -> None:
    """Every property that is said to be lost is, for some lineage, and `losses` names it."""
    form = FORMATS[name]

    @settings(deadline=None, max_examples=10)
    @given(lineages(), st.data())
    def trip(lineage: Lineage, _: st.DataObject) -> None:
        said = losses(lineage, form)
        back = compare(lineage, there_and_back(lineage, form))
        for prop in PROPERTIES:
            if prop not in form.carries and not back[prop]:
                assert PROPERTIES[prop] in said

    trip()
    for prop in set(PROPERTIES) - form.carries:
        find(lineages(), lambda lineage, prop=prop: PROPERTIES[prop] in losses(lineage, form), settings=ANY)


def test_the_generated_lineages_have_everything() -> None:
    for code in range(len(KINDS)):
        find(lineages(), lambda lineage, code=code: (lineage.links.kind == code).any(), settings=ANY)
    find(lineages(), lambda lineage: lineage.cells.numbers[0] == 998, settings=ANY)
    find(lineages(), lambda lineage: lineage.cells.scale.interval_unit == "s", settings=ANY)


@settings(deadline=None, max_examples=20)
@given(lineages())
def test_networkx(lineage: Lineage) -> None:
    graph = to_networkx(lineage)
    back = compare(lineage, replace(from_networkx(graph), movie=lineage.movie))
    back.pop("masks")
    assert all(back.values()), back


@settings(deadline=None, max_examples=8)
@given(lineages(), st.permutations(["geff", "trackmate", "folder"]))
def test_chains_of_formats(lineage: Lineage, chain: list[str]) -> None:
    assume(len(lineage.cells))
    found = lineage
    for name in chain:
        found = replace(there_and_back(found, FORMATS[name]), movie=lineage.movie)
    found = replace(found, cells=replace(found.cells, label=lineage.cells.label))
    back = compare(lineage, found)
    assert all(back.values()), back


def table() -> str:
    """The round-trip table, as it stands in the documents."""
    names = {name: f"`{'.ome' if name == 'ome-zarr' else ''}{form.suffixes[0]}`" if form.suffixes else name
             for name, form in FORMATS.items()}  # fmt: skip
    lines = ["| | " + " | ".join(names.values()) + " |", "|---" * (len(names) + 1) + "|"]
    for prop, words in PROPERTIES.items():
        lines.append(
            f"| {words} | " + " | ".join("yes" if prop in f.carries else "no" for f in FORMATS.values()) + " |"
        )
    return "\n".join(lines)


def test_the_table_in_the_documents_is_the_one_that_was_tested() -> None:
    assert table() in DOCUMENT.read_text("utf-8"), table()
