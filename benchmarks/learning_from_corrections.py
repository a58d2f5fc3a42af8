"""What corrected links teach: errors by fixing alone, by fine-tuning on the corrections, and by both.

    python benchmarks/learning_from_corrections.py ../shared/data/Fluo-N2DL-HeLa/01 ../shared/data/PhC-C2DL-PSC/01 \
        --start WORK/models/{data_set}.safetensors --work WORK/corrections

In the first 60 % of the frames a simulated person looks at the most uncertain links and corrects them, as in
``proofreading.py``. A model that has never seen the data set is fine-tuned on that (``train --from MODEL --edits``).
Avoidable errors are EA + ED + EC beyond those of the oracle, without gap links: in the corrected part, and in the rest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from cell_tracker_gnn.io import open_movie
from cell_tracker_gnn.io.edits import Edit, Edits, write_edits
from cell_tracker_gnn.io.fingerprint import HashedFrames
from cell_tracker_gnn.model.weights import Model, load_model
from movies import crop, find_movie
from proofreading import Measured, Truth, uncertain_places
from record import store
from trackers import COMMAND, Movie

CORRECTED = 0.6
"""The frames before this share are corrected."""


class Part:
    """Some frames of a movie with their truth; everything before the linking is done once for each model."""

    def __init__(self, movie: Movie) -> None:
        self.movie, self.truth = movie, Truth.of(movie)
        self._measured: dict[int, Measured] = {}

    def measured(self, model: Model) -> Measured:
        """The part up to the linking."""
        return self._measured.setdefault(id(model), Measured.of(self.movie, model))

    def errors(self, model: Model, edits: list[Edit]) -> int:
        """Avoidable errors of a model that obeys some corrections."""
        measured = self.measured(model)
        numbers = measured.graph.cells.numbers
        every = [Edit("add", numbers[a[0]], a[1], numbers[b[0]], b[1]) for a, b in sorted(self.truth.links)]
        oracle = self.truth.errors(measured.take(every))
        return self.truth.errors(measured.track(edits)) - oracle


def measure(sequence: Path, start: str, amounts: list[int], work: Path, overrides: list[str]) -> dict[str, object]:
    """Errors of one sequence by number of corrected links."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = find_movie(sequence, None)
        first, rest = (
            Part(crop(whole, frames, Path(scratch) / name))
            for name, frames in (("first", f":{CORRECTED}"), ("rest", f"{CORRECTED}:"))
        )
        path = Path(start.format(data_set=whole.data_set)).absolute()
        old = load_model(path)
        lineage = first.measured(old).track([], rated=True)
        places = uncertain_places(lineage, links_only=True)
        found: dict[str, object] = {"0": {"first": first.errors(old, []), "rest": rest.errors(old, [])}}
        for amount in amounts:
            edits = first.truth.correct(places[:amount], lineage.cells.numbers)
            folder = work / f"{whole.name}-{amount}"
            new = fine_tune(first.movie, path, edits, folder, overrides)
            found[str(amount)] = {
                "edits": len(edits),
                "kept": new.card["fine_tuning"]["kept"],
                "first, fixed": first.errors(old, edits),
                "first, fine-tuned": first.errors(new, []),
                "first, both": first.errors(new, edits),
                "rest, fine-tuned": rest.errors(new, []),
            }
            print(whole.name, amount, json.dumps(found), flush=True)
        return found


def fine_tune(movie: Movie, start: Path, edits: list[Edit], folder: Path, overrides: list[str]) -> Model:
    """Learn from the corrections with the installed command."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = HashedFrames(open_movie(movie.masks).masks).sha256()
    write_edits(Edits(digest, tuple(edits)), folder / "edits.json")
    line = [COMMAND, "train", movie.masks, "--from", start, "--edits", folder / "edits.json", "--output", folder]
    line += ["--images", movie.images] if movie.images else []
    subprocess.run([*map(str, line), "--device", "cpu", "--overwrite", *overrides], check=True)
    return load_model(folder / "model.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, help="such as ../shared/data/Fluo-N2DL-HeLa/01")
    parser.add_argument("--start", required=True, help="the model to begin with; {data_set} is filled in")
    parser.add_argument("--amounts", type=int, nargs="*", default=[100, 400])
    parser.add_argument("--work", type=Path, required=True, help="folder of the models")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of the fine-tuning")
    results = Path(__file__).parent / "results"
    parser.add_argument("--output", type=Path, default=results / "learning-from-corrections.json")
    options = parser.parse_args()
    options.model = []
    found = {
        f"{one.parent.name}-{one.name}": measure(one, options.start, options.amounts, options.work, options.set)
        for one in options.sequences
    }
    store(options, [], {"avoidable": found})


if __name__ == "__main__":
    main()
