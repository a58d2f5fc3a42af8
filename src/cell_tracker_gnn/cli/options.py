"""Options that several verbs have, and values of options: lists of numbers and words, parts, durations."""

from __future__ import annotations

from typing import Any

import click

__all__ = [
    "Interval",
    "Numbers",
    "Part",
    "Words",
    "device_option",
    "interval_option",
    "scale_option",
    "unit_option",
    "wide_labels_option",
]


class Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers such as ``2,0.5,0.5``."""

    def __init__(self, kind: type[int] | type[float], name: str) -> None:
        self.kind, self.name = kind, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.kind(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as {self.name}", param, ctx)


class Part(click.ParamType[tuple[int, int]]):
    """One of several parts, such as ``3/10``."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The part and the number of parts."""
        part, _, parts = str(value).partition("/")
        if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
            self.fail(f"{value!r} is not one of several parts, such as 3/10", param, ctx)
        return int(part), int(parts)


class Words(click.ParamType[tuple[str, ...]]):
    """Comma-separated words such as ``ctc,geff``."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The words."""
        return (
            value if isinstance(value, tuple) else tuple(word.strip() for word in str(value).split(",") if word.strip())
        )


class Interval(click.ParamType[float]):
    """A duration such as ``300s`` or ``5min``, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The duration in seconds."""
        from cell_tracker_gnn.io.units import parse_interval

        return value if isinstance(value, float) else parse_interval(str(value))


scale_option = click.option("--scale", type=Numbers(float, "Z,Y,X"), help="Size of a pixel: Z,Y,X or Y,X.")
unit_option = click.option("--unit", help="Unit of the scale, such as µm.")
interval_option = click.option("--interval", type=Interval(), help="Time between two frames, such as 300s or 5min.")
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
wide_labels_option = click.option(
    "--wide-labels", is_flag=True, help="Write 32-bit masks, for more than 65,535 tracks."
)
