"""Units of length and time: one spelling inside the package, and the names that each format has for them."""

from __future__ import annotations

import math

from cell_tracker_gnn.errors import SettingsError

__all__ = [
    "MICROMETER",
    "length_factor",
    "length_unit",
    "ngff_length",
    "ngff_time",
    "parse_interval",
    "time_in_seconds",
]

MICROMETER = "µm"
"""How this package writes the micrometre, with the micro sign."""

_ANGSTROMS = {"Å": 1.0, "nm": 10.0, MICROMETER: 1e4, "mm": 1e7, "cm": 1e8, "m": 1e10, "inch": 2.54e8}
"""Whole numbers, so that ratios come out exact."""

_LENGTHS = {
    "nm": ("nanometer", "nanometers", "nanometre", "nanometres"),
    MICROMETER: ("um", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "\\u00b5m"),
    "mm": ("millimeter", "millimeters", "millimetre"),
    "cm": ("centimeter", "centimeters", "centimetre"),
    "m": ("meter", "meters", "metre"),
    "Å": ("å", "angstrom"),
    "inch": ("inches", "in"),
}
"""Other spellings of a unit, in lower case."""

_NGFF_LENGTHS = {
    "nm": "nanometer",
    MICROMETER: "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "Å": "angstrom",
}

_SECONDS = {
    1e-9: ("ns", "nanosecond", "nanoseconds"),
    1e-6: ("µs", "us", "microsecond", "microseconds"),
    1e-3: ("ms", "msec", "millisecond", "milliseconds"),
    1.0: ("s", "sec", "secs", "second", "seconds"),
    60.0: ("min", "mins", "minute", "minutes"),
    3600.0: ("h", "hr", "hour", "hours"),
    86400.0: ("d", "day", "days"),
}


def length_unit(text: object) -> str | None:
    """A unit of length as this package writes it; None when it is none or pixels."""
    name = str(text).strip()
    if name.lower() in ("", "pixel", "pixels", "px", "none", "null"):
        return None
    if name in _ANGSTROMS:
        return name
    return next((ours for ours, others in _LENGTHS.items() if name.lower() in (ours.lower(), *others)), name)


def length_factor(unit: str | None, target: str | None) -> float | None:
    """How many of ``target`` one ``unit`` is, both as :func:`length_unit` gives them; None when it is not known."""
    if unit == target:
        return 1.0
    if unit not in _ANGSTROMS or target not in _ANGSTROMS:
        return None
    return _ANGSTROMS[unit] / _ANGSTROMS[target]


def time_in_seconds(value: float, unit: object) -> tuple[float, str]:
    """A duration in seconds and ``"s"``; with a unit that is not known, as it is."""
    name = str(unit).strip()
    factor = next((factor for factor, names in _SECONDS.items() if name.lower() in names), None)
    return (value, name) if factor is None else (value * factor, "s")


def ngff_length(unit: str) -> str:
    """The name of a unit of length in OME-NGFF and GEFF; a unit that they do not know stays as it is."""
    return _NGFF_LENGTHS.get(unit, unit)


def ngff_time(unit: str) -> str:
    """The name of a unit of time in OME-NGFF and GEFF."""
    return "second" if unit == "s" else unit


def parse_interval(text: str) -> float:
    """Seconds of a duration such as ``300``, ``300s``, ``5min`` or ``0.5 h``.

    Raises
    ------
    SettingsError
        If it is not a positive number with a unit of time.
    """
    words = text.strip()
    digits = words.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ ")
    try:
        value, unit = time_in_seconds(float(digits), words[len(digits) :].strip() or "s")
    except ValueError:
        value, unit = math.nan, ""
    if unit != "s" or not (math.isfinite(value) and value > 0):
        raise SettingsError(
            f"the interval {text!r} is not understood; give the time between frames, as in 300s or 5min"
        )
    return value
