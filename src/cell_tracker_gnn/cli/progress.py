"""Progress on a terminal."""

from __future__ import annotations

__all__ = ["Bar"]


class Bar:
    """A rich progress display that shows stages as they begin; nothing where the output is not a terminal."""

    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

        share = TextColumn("{task.completed:.0f}/{task.total:.0f}")
        columns = (TextColumn("{task.description:>10}"), BarColumn(), share)
        console = Console(stderr=True)
        self._progress = Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
