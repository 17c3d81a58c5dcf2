"""Reports of run folders: pick the formats by name, read once, write each.

A format is a module in ``reports/formats``, or brought by a package or a plug-in file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.ground.errors import UsageError
from reports.formats import EXTENSIONS
from results.numbers.aggregate import load_board


def write_report(
    run_folders: Sequence[Path],
    out: Path,
    formats: Sequence[str] = ("html", "md", "csv"),
) -> list[Path]:
    """Write the reports of one or several runs; works while they are running.

    Args:
        run_folders: Folders with a ``plan.json``.
        out: Folder of the report; made if missing.
        formats: Names of ``reports.formats.EXTENSIONS``.

    Returns:
        The written files, the first format's first.

    Raises:
        UsageError: No run folder, or an unknown format.
        DataError: A folder is no run folder.
        BenchError: ``out`` cannot be written to.
    """
    if not run_folders:
        raise UsageError("no run folder to report on", next_step="bench report runs/<name>")
    chosen = [EXTENSIONS.get(name) for name in dict.fromkeys(formats)]
    board = load_board(run_folders)
    return [path for one in chosen for path in one.write(board, out)]
