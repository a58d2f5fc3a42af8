"""Checksums of results: whether a change of the code leaves every byte of them as it was.

    python benchmarks/checksums.py --output before.json            # simulated movies, some minutes
    python benchmarks/checksums.py --compare before.json           # after the change
    python benchmarks/checksums.py ../shared/data/Fluo-N2DL-HeLa/01 --compare ...   # real movies as well

Everything runs through the installed command, so the script fits every version of the package. Movies of all simulated
kinds are tracked as they are, with damaged masks, as points, without gaps, with corrections and in parts that are
resumed. Of each result the pixels of the masks, the columns of the tables, ``summary.json``, GEFF, OME-Zarr and
TrackMate are hashed; ``run.json`` is not, since it holds the version and the paths.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

KINDS = ("nuclei", "nuclei3d", "bacteria", "epithelium", "fast")
FRAMES = "12"
FORMATS = "ctc,csv,geff,trackmate,ome-zarr"
FAULTS = ("--missed", "0.05", "--merged", "0.05", "--split", "0.05", "--spurious", "0.02")

Sums = dict[str, str]


def main() -> None:
    options = parse()
    found: Sums = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, sums in [*simulated(Path(scratch), options.kinds), *real(Path(scratch), options.sequences)]:
            print(f"{name}: {len(sums)} sums", flush=True)
            found |= {f"{name} {part}": value for part, value in sums.items()}
    if options.output:
        options.output.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", "utf-8")
    if options.compare:
        raise SystemExit(compare(json.loads(options.compare.read_text("utf-8")), found))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sequences", nargs="*", type=Path, help="Real sequences such as DATA/Fluo-N2DL-HeLa/01.")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS, help="Simulated kinds.")
    parser.add_argument("--output", type=Path, help="Write the checksums to this file.")
    parser.add_argument("--compare", type=Path, help="Compare with the checksums in this file.")
    return parser.parse_args()


def compare(before: Sums, after: Sums) -> int:
    """Name what differs among the checksums that both have; the exit status."""
    both = before.keys() & after.keys()
    differ = sorted(name for name in both if before[name] != after[name])
    # A part that only one side has counts where the other side has the same case.
    cases = {name.split(" ")[0] for name in both}
    differ += sorted(name for name in before.keys() ^ after.keys() if name.split(" ")[0] in cases)
    print("\n".join(f"differs: {name}" for name in differ) or f"all {len(both)} checksums are the same")
    return bool(differ)


def simulated(scratch: Path, kinds: list[str]) -> Iterator[tuple[str, Sums]]:
    """Every simulated kind, tracked in every way."""
    for kind in kinds:
        clean, damaged = scratch / kind, scratch / f"{kind}-damaged"
        run("simulate", "--kind", kind, "--seed", "3", "--frames", FRAMES, clean)
        run("simulate", "--kind", kind, "--seed", "3", "--frames", FRAMES, *FAULTS, damaged)
        yield f"{kind}/movie", sums_of_masks(clean / "01") | sums_of_masks(damaged / "01_ERR_SEG")
        masks, images = clean / "01_ERR_SEG", ("--images", clean / "01", *scale(kind))
        yield f"{kind}/masks-and-images", tracked(scratch, masks, *images, "--format", FORMATS)
        yield f"{kind}/masks", tracked(scratch, masks, *scale(kind))
        yield f"{kind}/no-gaps", tracked(scratch, damaged / "01_ERR_SEG", *images, "--max-gap", "0")
        result = scratch / f"{kind}-result"
        yield f"{kind}/damaged", tracked(scratch, damaged / "01_ERR_SEG", *images, output=result)
        points = scratch / f"{kind}.csv"
        write_points(result / "cells.csv", points)
        yield f"{kind}/points", tracked(scratch, points, *images[:2])
        edits = scratch / f"{kind}.json"
        write_corrections(result, edits)
        yield f"{kind}/corrected", tracked(scratch, damaged / "01_ERR_SEG", *images, "--fixed", edits)
        yield f"{kind}/resumed", tracked(scratch, damaged / "01_ERR_SEG", *images, parts=2)
        yield f"{kind}/greedy", tracked(scratch, damaged / "01_ERR_SEG", *images, "--linker", "greedy")


def scale(kind: str) -> tuple[str, ...]:
    return ("--scale", "2,1,1") if kind == "nuclei3d" else ()


def real(scratch: Path, sequences: list[Path]) -> Iterator[tuple[str, Sums]]:
    """Real sequences: silver truth masks or, where there are none, the markers, with images where there are some."""
    for sequence in sequences:
        places = (Path(f"{sequence}_ST/SEG"), Path(f"{sequence}_GT/TRA"))
        masks = next(place for place in places if place.is_dir())
        images = ("--images", sequence) if sequence.is_dir() else ()
        three = tifffile.imread(next(iter(sorted(masks.glob("*.tif"))))).ndim == 3
        known = ("--scale", "1,0.09,0.09", "--unit", "µm") if three else ()
        yield f"{sequence.parent.name}-{sequence.name}", tracked(scratch, masks, *images, *known)


def tracked(scratch: Path, masks: Path, *words: object, output: Path | None = None, parts: int = 0) -> Sums:
    """Track with some options and hash the result; in parts that are put together where that is asked for."""
    place = output or Path(tempfile.mkdtemp(dir=scratch)) / "result"
    for part in range(1, parts + 1):
        run("track", masks, *words, "--part", f"{part}/{parts}", "--output", place)
    run("track", masks, *words, "--output", place, *(["--resume"] if parts else []))
    return sums_of_result(place)


def run(*words: object) -> None:
    command = [str(Path(sys.executable).with_name("cell-tracker-gnn")), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")


def write_points(cells: Path, path: Path) -> None:
    """A table of points: the centroids of a result."""
    with cells.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    axes = [name for name in "zyx" if name in rows[0]]
    lines = [",".join(["t", *axes]), *(",".join([row["frame"], *(row[name] for name in axes)]) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def write_corrections(result: Path, path: Path) -> None:
    """Corrections of a result: every tenth link is cut, every seventh confirmed."""
    with (result / "links.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] in ("move", "gap", "division")]
    names = ("frame_from", "label_from", "frame_to", "label_to")
    edits = [
        {"op": "cut" if index % 10 == 0 else "confirm", **{name: int(row[name]) for name in names}}
        for index, row in enumerate(rows)
        if index % 10 == 0 or index % 7 == 0
    ]
    digest = json.loads((result / "run.json").read_text("utf-8"))["masks_sha256"]
    path.write_text(json.dumps({"version": 1, "masks_sha256": digest, "edits": edits}), "utf-8")


def sums_of_result(folder: Path) -> Sums:
    """Checksums of all that a result folder holds but ``run.json``."""
    sums = sums_of_masks(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".csv":
            sums |= sums_of_table(path, name)
        elif path.suffix not in (".tif", ".tiff") and name != "run.json":
            sums[name] = digest(_lasting(path))
    return sums


def _lasting(path: Path) -> bytes:
    """Content of a file without the version of the package and the paths of a run."""
    content = path.read_bytes()
    return re.sub(rb"/[^\"<>]*/tmp[^\"<>]*", b"", content) if path.suffix in (".xml", ".json") else content


def sums_of_table(path: Path, name: str) -> Sums:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    columns = zip(header, zip(*rows, strict=True), strict=True) if rows else ((column, ()) for column in header)
    return {f"{name}:{column}": digest("\n".join(values).encode()) for column, values in columns}


def sums_of_masks(folder: Path) -> Sums:
    """One checksum of the pixels, types and names of all label images in a folder."""
    files = sorted(folder.glob("*.tif"))
    if not files:
        return {}
    total = hashlib.sha256()
    for path in files:
        array = np.ascontiguousarray(tifffile.imread(path))
        total.update(f"{path.name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return {f"{folder.name if folder.name.startswith('01') else 'masks'} pixels": total.hexdigest()[:16]}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    main()
