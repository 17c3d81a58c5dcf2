"""``bench data resize``: smaller copies of a folder of videos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.upkeep.resize import ResizeReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    from bench.commands.flag_values import at_least_one, seconds

    parser.add_argument("--videos", type=Path, required=True, metavar="DIR", help="only read")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if need be")
    parser.add_argument(
        "--short-side", type=int, default=256, metavar="S", help="pixels (default: 256)"
    )
    parser.add_argument(
        "--smaller",
        choices=("copy", "link", "skip"),
        default="copy",
        help="what to do with videos that are not larger than that: a copy under their own name, "
        "a link to the original, or nothing (default: copy); none is ever enlarged",
    )
    parser.add_argument(
        "--codec", default="h264", metavar="NAME", help="h264 (mp4, default), vp9 (webm), mpeg4"
    )
    parser.add_argument(
        "--quality", type=int, metavar="N", help="crf, or qscale for mpeg4; less is better"
    )
    parser.add_argument(
        "--jobs", type=at_least_one, metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument(
        "--time-limit", type=seconds, default=900.0, metavar="S", help="seconds for one video"
    )


def run(args: argparse.Namespace) -> int:
    """Resize and say what became of every video; 1 if one failed."""
    import sys

    from bench.commands.data.arguments import counter, print_failures
    from bench.ground.gpus import cores
    from bench.upkeep.resize import ResizeOptions, resize_videos

    options = ResizeOptions(
        short_side=args.short_side,
        codec=args.codec,
        quality=args.quality,
        smaller=args.smaller,
        jobs=args.jobs or cores(),
        time_limit=args.time_limit,
    )
    with counter("done") as show:
        report = resize_videos(args.videos, args.out, options, progress=show)
    print(_summary(report, args.short_side))
    if report.failures:
        print_failures(report.failures, "resized", sys.stderr)
        return 1
    print(f"next: root = '{args.out.absolute()}' of the dataset in the configuration")
    return 0


def _summary(report: ResizeReport, short_side: int) -> str:
    from bench.ground.byte_sizes import format_bytes

    counts = report.counts
    lines = [f"{counts['resized']} videos resized to a short side of {short_side} and verified"]
    if counts["resized"]:
        sizes = f"{format_bytes(report.bytes_before)} -> {format_bytes(report.bytes_after)}"
        lines[0] += f" ({sizes})"
    small = f"had a short side of {short_side} or less"
    for done, words in (
        ("copied", f"{small}: copied as they are"),
        ("linked", f"{small}: linked to the originals"),
        ("skipped", f"{small}: left out (--smaller skip)"),
        ("known", "were done before"),
    ):
        if counts[done]:
            lines.append(f"{counts[done]} {words}")
    return "\n".join(lines)
