"""Write the card of a model from the description inside its file.

python benchmarks/model_card.py src/cell_tracker_gnn/models/general.safetensors docs/models/general.md
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from safetensors import safe_open

CARD = """# Model card: {name}

| | |
|---|---|
| file | `{file}`, {megabytes:.2f} MB, {numbers:,} numbers |
| sha256 | `{sha256}` |
| network | default preset: {sizes}; {cell_inputs} features of cells, {link_inputs} of links |
| encoder | {encoder} |
| linking costs | {costs} |
| seed | {seed} |
| made by | `python benchmarks/train_models.py DATA --work WORK` |

## What it is for

Linking instance masks of cells and nuclei, or points, 2D and 3D, with or without images. Made for masks that are mostly
right; it was trained on missed, merged, split and spurious masks too. It has not been trained on gaps of more than two
frames, or on organisms other than those below.

## Data

Cell Tracking Challenge data and others, used for training only and not part of the package, and simulations made by the
recipe. Every sequence is seen as it is, every 2nd, 3rd and 5th frame, with damaged masks, as points, and where a plain
segmenter works on the images, with its masks.

| sequence | frames | cells | divisions | images | candidate recall |
|---|---|---|---|---|---|
{rows}

## Scores

On validation frames (the last tenth of each sequence): average precision of links {average_precision:.5f}, share of
wrong and missed links {validation_link_errors:.4f}. What counts is how the same recipe does on data sets it has never
seen: [../benchmarks.md](../benchmarks.md).

Probabilities are calibrated on data sets that models of the same recipe had not seen, and on 23 further simulated
movies.
"""

SETTINGS = {"drawn": "settings drawn", "few": "few cells and frames, settings drawn"}
"""What the second word in the name of a drawn movie says."""


def card_of(path: Path) -> str:
    """Text of the card."""
    with safe_open(path, "np") as file:
        header: dict[str, Any] = json.loads(file.metadata()["cell_tracker_gnn"])
        numbers = sum(file.get_tensor(key).size for key in file.keys())  # noqa: SIM118 - not a mapping
    card, network = header["card"], header["network"]
    row = "| {name} | {frames} | {cells:,} | {divisions} | {seen} | {candidate_recall:.4f} |"
    encoder = header["encoder"]
    return CARD.format(
        name=path.stem,
        file=path.as_posix(),
        megabytes=path.stat().st_size / 1e6,
        numbers=numbers,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        sizes=", ".join(
            f"{key} {value}" for key, value in network.items() if not key.endswith("_inputs") and key != "neighbourhood"
        ),
        cell_inputs=len(network["cell_inputs"]),
        link_inputs=len(network["link_inputs"]),
        encoder=", ".join(f"{k} {v}" for k, v in encoder.items())
        if encoder
        else "none, see [../tried.md](../tried.md)",
        costs=", ".join(f"{key} {value:g}" for key, value in header["costs"].items()),
        seed=card["settings"]["seed"],
        rows="\n".join(row.format(**data, seen="yes" if data["images"] else "no") for data in summed(card["data"])),
        **{key: card["scores"][key] for key in ("average_precision", "validation_link_errors")},
    )


def summed(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sequences, those whose settings were drawn at random as one row for each kind."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in data:
        drawn = re.match(r"(\w+)-(drawn|few)-", one["name"])
        name = f"{drawn[1]}, {SETTINGS[drawn[2]]}" if drawn else one["name"]
        rows.setdefault(name, []).append(one)
    return [
        {
            **found[0],
            "name": f"{name} ({len(found)} movies)" if len(found) > 1 else name,
            **{key: sum(one[key] for one in found) for key in ("frames", "cells", "divisions")},
            "candidate_recall": min(one["candidate_recall"] for one in found),
        }
        for name, found in rows.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("card", type=Path)
    arguments = parser.parse_args()
    arguments.card.write_text(card_of(arguments.model), "utf-8")


if __name__ == "__main__":
    main()
