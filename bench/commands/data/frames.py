"""``bench data frames``: the frames of a video as a model sees them, before normalisation."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("video", type=Path)
    parser.add_argument("--num-frames", type=int, required=True, metavar="T")
    parser.add_argument("--size", type=int, required=True, metavar="S", help="side in pixels")
    parser.add_argument(
        "--views", type=_views, default=(1, 1), metavar="4x3", help="temporal clips x crops"
    )
    parser.add_argument("--mode", choices=("train", "val"), default="val")
    parser.add_argument("--seed", type=int, metavar="N", help="seeds numpy, random and torch")
    parser.add_argument("--pipeline", default="vificlip", metavar="NAME")
    parser.add_argument("--out", type=Path, required=True, metavar="F.safetensors")


def _views(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"got {text}, allowed: CLIPSxCROPS, for example 4x3")
    return int(match[1]), int(match[2])


def run(args: argparse.Namespace) -> int:
    """Write the frames and say where."""
    # The draws of a training pipeline use torch's generator, which is seeded only if it is there.
    import torch  # noqa: F401

    from bench.upkeep.frames_dump import dump_frames

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
