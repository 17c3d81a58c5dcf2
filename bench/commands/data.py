"""``bench data``: look at data as a model sees them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    frames = verbs.add_parser("frames", help="write the frames of a video before normalisation")
    frames.add_argument("video", type=Path)
    frames.add_argument("--num-frames", type=int, required=True, metavar="T")
    frames.add_argument("--size", type=int, required=True, metavar="S", help="side in pixels")
    frames.add_argument(
        "--views", type=_views, default=(1, 1), metavar="4x3", help="temporal clips x crops"
    )
    frames.add_argument("--mode", choices=("train", "val"), default="val")
    frames.add_argument("--seed", type=int, metavar="N", help="seeds numpy, random and torch")
    frames.add_argument("--pipeline", default="vificlip", metavar="NAME")
    frames.add_argument("--out", type=Path, required=True, metavar="F.safetensors")


def _views(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"got {text}, allowed: CLIPSxCROPS, for example 4x3")
    return int(match[1]), int(match[2])


def run(args: argparse.Namespace) -> int:
    """Write the frames and say where."""
    # The draws of a training pipeline use torch's generator, which is seeded only if it is there.
    import torch  # noqa: F401

    from bench.data.frames_dump import dump_frames

    clips, crops = args.views
    dump_frames(
        args.video,
        num_frames=args.num_frames,
        size=args.size,
        clips=clips,
        crops=crops,
        mode=args.mode,
        seed=args.seed,
        out=args.out,
        pipeline=args.pipeline,
    )
    print(args.out)
    return 0
