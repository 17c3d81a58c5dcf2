"""``bench parity``: the adapters against what their authors' code computes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.parity import ParityResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--goldens", type=Path, metavar="DIR", help="default: those that come with the project"
    )
    parser.add_argument("--method", action="append", metavar="NAME", help="adapters (default: all)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print every comparison; 1 if one misses."""
    from methods.parity import run_parity

    results = run_parity(args.goldens, args.method)
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


def _line(result: ParityResult) -> str:
    shown = "" if result.difference is None else f"{result.difference:.2e}"
    allowed = "" if result.tolerance is None else f"<= {result.tolerance:.0e}"
    line = f"{result.status:<5}  {result.case:<22} {result.adapter:<16} {result.check:<18} "
    return f"{line}{shown:>9} {allowed:<8}  {result.note}".rstrip()
