"""What ``speed.py`` stored as tables of a document."""

from __future__ import annotations

from typing import Any

Stored = dict[str, Any]


def describe(stored: Stored) -> str:
    parts = [heading(stored), trackers(stored), stages(stored), reading(stored), linking(stored)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def heading(stored: Stored) -> list[str]:
    movie, command = stored["movie"], " ".join(stored["command"])
    size = movie["size"].replace(",", " x ")
    return [
        "# Speed",
        "",
        f"`{command}`",
        "",
        f"Medians of {stored['rounds']} rounds. CPU time, user and system, of whole processes with one thread each,",
        "imports included: other jobs shared the machine, so wall times were not taken and all CPU times are somewhat",
        f"longer than on a quiet one. {movie['frames']} frames of {size} pixels, {movie['cells']:,} cells; only ours",
        "reads the images.",
    ]


def trackers(stored: Stored) -> list[str]:
    rows, cells = stored["cost"], stored["movie"]["cells"]
    lines = [
        "| tracker | CPU s | cells per CPU-second | against laptrack | largest memory, MB |",
        "|---|---|---|---|---|",
    ]
    for name, row in sorted(rows.items(), key=lambda entry: entry[1]["cpu"]):
        against = f"{row['cpu'] / rows['laptrack']['cpu']:.2f}" if "laptrack" in rows else "-"
        lines.append(f"| {name} | {row['cpu']:.1f} | {cells / row['cpu']:,.0f} | {against} | {row['memory']:.0f} |")
    return lines


def stages(stored: Stored) -> list[str]:
    """Where the time of ours goes."""
    ours = next((row for name, row in stored["cost"].items() if name.startswith("ours")), None)
    if ours is None:
        return []
    found = {name.removeprefix("stage "): value for name, value in ours.items() if name.startswith("stage ")}
    lines = [f"| {name} | {value:.2f} | {value / ours['cpu']:.0%} |" for name, value in found.items()]
    return ["| stage of ours | CPU s | share |", "|---|---|---|", *lines]


def reading(stored: Stored) -> list[str]:
    cost = stored["reading"]
    read, features, others = (cost[name] for name in ("read", "features", "regionprops"))
    return [
        "| per frame | CPU ms | ratio |",
        "|---|---|---|",
        f"| read and decompress image and mask | {read:.1f} | |",
        f"| region features, ours | {features:.1f} | {features / read:.2f} of reading |",
        f"| the same by `skimage.measure.regionprops_table` | {others:.1f} | {others / features:.1f} of ours |",
    ]


def linking(stored: Stored) -> list[str]:
    columns = "| rewards | links | left after presolving | greedy, CPU s | exact, CPU s | ratio |"
    lines = ["Linking of simulated candidates:", "", columns, "|---|---|---|---|---|---|"]
    for kind, row in stored["linking"].items():
        times = f"{row['greedy']:.2f} | {row['exact']:.2f} | {row['exact'] / row['greedy']:.2f}"
        lines.append(f"| {kind} | {row['links']:,.0f} | {row['in doubt']:.1%} | {times} |")
    found = stored["linking_verified"]
    return [
        *lines,
        "",
        f"On {found['parts']} small movies with {found['links']:,} links the exact linker and an integer program",
        f"(HiGHS) written from the definition reach objectives that differ by at most {found['difference']:.0e} nats;",
        f"greedy falls {found['greedy']:.0f} nats behind.",
    ]
