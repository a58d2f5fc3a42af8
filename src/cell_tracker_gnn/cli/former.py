"""What former runs have left at the place of a result: parts that jobs have measured, or the result itself."""

from __future__ import annotations

from pathlib import Path

from cell_tracker_gnn.errors import OutputError

__all__ = ["check_former", "mark_parts"]

_MARK = "in-parts"


def check_former(output: Path, *, resumes: bool, overwrite: bool) -> None:
    """Keep a run from throwing away what other jobs have measured, and from resuming what is finished.

    Parameters
    ----------
    output
        Folder of the result.
    resumes
        Whether the run takes part in one that was begun before.
    overwrite
        Whether the user wants to begin anew.

    Raises
    ------
    OutputError
        If parts lie there and the run would remove them, or if there is nothing left to do.
    """
    from cell_tracker_gnn.io.output import partial_folder, resolved

    if overwrite:
        return
    target = resolved(output)
    partial = partial_folder(target)
    if resumes and (target / "run.json").is_file():
        raise OutputError(f"{output} is finished, so nothing is left to resume; --overwrite computes it anew")
    # A run that was broken off is a matter of minutes and begins anew without a question; parts are hours of many jobs.
    if not resumes and (partial / "work" / _MARK).is_file():
        raise OutputError(
            f"{partial} holds parts that jobs have measured; add --resume to go on from them, or --overwrite to begin "
            "anew"
        )


def mark_parts(work: Path) -> None:
    """Note among the finished pieces of a run that jobs share it."""
    (work / _MARK).touch()
