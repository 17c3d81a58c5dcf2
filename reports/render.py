"""Reports of run folders: pick the formats by name, read once, write each.

A format is a module with ``write(board, out) -> list[Path]``; adding one is a line in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.ground.errors import UsageError, unknown_name
from results.numbers.aggregate import load_board

FORMATS = {
    "html": "reports.page",
    "md": "reports.markdown",
    "csv": "reports.long_csv",
    "figures": "reports.figures",
}


def write_report(
    run_folders: Sequence[Path],
    out: Path,
    formats: Sequence[str] = ("html", "md", "csv"),
) -> list[Path]:
    """Write the reports of one or several runs; works while they are running.

    Args:
        run_folders: Folders with a ``plan.json``.
        out: Folder of the report; made if missing.
        formats: Names in ``FORMATS``.

    Returns:
        The written files, the first format's first.

    Raises:
        UsageError: No run folder, or an unknown format.
        DataError: A folder is no run folder.
        BenchError: ``out`` cannot be written to.
    """
    if not run_folders:
        raise UsageError("no run folder to report on", next_step="bench report runs/<name>")
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("report format", name, FORMATS)
    board = load_board(run_folders)
    written: list[Path] = []
    for name in dict.fromkeys(formats):
        written += import_module(FORMATS[name]).write(board, out)
    return written
