"""``bench parity``: the adapters against what their authors' code computes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.parity.run import ParityResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--goldens", type=Path, metavar="DIR", help="default: those that come with the project"
    )
    parser.add_argument("--method", action="append", metavar="NAME", help="adapters (default: all)")
    parser.add_argument(
        "--badge",
        type=Path,
        default=Path("runs") / "parity.json",
        metavar="FILE",
        help="what leaderboards show of it (default: runs/parity.json)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print every comparison; 1 if one misses."""
    from methods.parity.run import run_parity

    results = run_parity(args.goldens, args.method)
    _keep_badge(results, args.badge)
    if args.json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        for result in results:
            print(_line(result))
        counts = dict.fromkeys(("pass", "miss", "no adapter yet"), 0)
        for result in results:
            counts[result.status] += 1
        print(", ".join(f"{count} {status}" for status, count in counts.items()))
    return 1 if any(result.status == "miss" for result in results) else 0


def _keep_badge(results: list[ParityResult], path: Path) -> None:
    from datetime import datetime, timezone
    from importlib.metadata import version

    import methods
    from results.run.parity_badge import MethodBadge, write_badge

    packages = ("torch", "open_clip_torch", "clip-video-bench")
    versions = {name: version(name) for name in packages}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    badges = {}
    for adapter in dict.fromkeys(result.adapter for result in results if result.adapter):
        own = [result for result in results if result.adapter == adapter]
        differences = [
            result.difference
            for result in own
            if result.difference is not None
            and result.tolerance is not None
            and result.check != "gradients"
        ]
        badges[adapter] = MethodBadge(
            cases=len({result.case for result in own}),
            comparisons=len(own),
            missed=sum(result.status == "miss" for result in own),
            largest=max(differences, default=None),
            date=now,
            versions=versions,
            code_sha256=methods.EXTENSIONS.code_sha256(adapter),
        )
    try:
        write_badge(path, badges)
    except OSError as error:
        print(f"the badge {path} could not be written: {error.strerror}", file=sys.stderr)


def _line(result: ParityResult) -> str:
    shown = "" if result.difference is None else f"{result.difference:.2e}"
    allowed = "" if result.tolerance is None else f"<= {result.tolerance:.0e}"
    line = f"{result.status:<5}  {result.case:<22} {result.adapter:<16} {result.check:<18} "
    return f"{line}{shown:>9} {allowed:<8}  {result.note}".rstrip()
