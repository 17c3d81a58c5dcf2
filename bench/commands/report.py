"""``bench report RUN…``: tables and figures from what is there; works during a run."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="run folders (default: the latest)")
    parser.add_argument(
        "--formats", default="html,md,csv", help="separated by commas (default: html,md,csv)"
    )
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a file with further formats"
    )
    parser.add_argument("--out", metavar="DIR", help="default: report/ in the first run folder")


def run(args: argparse.Namespace) -> int:
    """Write the report and say where."""
    from bench.ground.errors import UsageError
    from bench.ground.extensions import load_plugins
    from bench.running.job_views import find_run
    from reports.formats import EXTENSIONS
    from reports.render import write_report
    from results.run.layout import REPORT

    broken = load_plugins(args.plugin)
    if broken:
        raise UsageError("\n".join(map(str, broken)), next_step="fix the file, or leave it out")
    folders = [find_run(name, "bench report RUN").folder for name in args.runs or [None]]
    out = Path(args.out) if args.out else folders[0] / REPORT
    formats = tuple(filter(None, map(str.strip, args.formats.split(","))))
    if not formats:
        raise UsageError("--formats names no format", allowed=", ".join(EXTENSIONS.names()))
    for path in write_report(folders, out, formats):
        print(path)
    return 0
