"""Libraries that only some formats and pictures need."""

from __future__ import annotations

from importlib.util import find_spec

from cell_tracker_gnn.errors import SettingsError

__all__ = ["require"]


def require(what: str, *names: str, extra: str = "formats") -> None:
    """Make sure that libraries of an extra are installed before they are imported.

    Parameters
    ----------
    what
        What needs them, as in ``"GEFF"``.
    names
        Names to import.
    extra
        The extra that has them.

    Raises
    ------
    SettingsError
        If one is missing; the message has the command that installs them.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise SettingsError(f"{what} needs {' and '.join(missing)}; run: pip install 'cell-tracker-gnn[{extra}]'")
