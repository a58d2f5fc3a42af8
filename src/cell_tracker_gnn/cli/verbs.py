"""The group of all verbs, and how their errors are told."""

from __future__ import annotations

import difflib
import logging
import sys
from typing import Any

import click

from cell_tracker_gnn.errors import CellTrackerError

__all__ = ["main", "verbs"]


def main() -> None:
    """Run the command line; an error of ours is one sentence and exit code 2."""
    try:
        verbs.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except CellTrackerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


class _Verbs(click.Group):
    """Suggests the nearest verb for a typo."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near:
                raise click.UsageError(f"there is no command {args[0]!r}; did you mean {near[0]!r}?") from error
            raise


class _Once(logging.Filter):
    """Lets a warning through once: a movie may be opened more than once on the way."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is new, or no warning."""
        text = record.getMessage()
        is_new = record.levelno < logging.WARNING or text not in self._said
        self._said.add(text)
        return is_new


@click.group(cls=_Verbs, name="cell-tracker-gnn", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cell-tracker-gnn")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done and how long each stage takes.")
def verbs(verbose: bool) -> None:
    """Track cells in microscopy movies: who is who over time and who is whose daughter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Once())
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
