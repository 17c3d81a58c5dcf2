"""The frames a model sees of one video, as a file that other pipelines can be compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from safetensors.numpy import save

from bench.data.pipelines import EXTENSIONS, build
from bench.data.pipelines.base import PipelineSpec
from bench.ground.errors import UsageError
from bench.ground.files import write_whole
from bench.ground.seeds import seed_everything

_RELEASED: dict[str, Any] = {"color_jitter": 0.8, "gray_scale": 0.2, "flip": 0.5}
"""Probabilities of the released configurations."""


def dump_frames(
    video: Path,
    *,
    num_frames: int,
    size: int,
    clips: int = 1,
    crops: int = 1,
    mode: Literal["train", "val"] = "val",
    seed: int | None = None,
    out: Path,
    pipeline: str = "vificlip",
) -> None:
    """Write ``frame_inds`` (int64 [n]) and ``u8`` (uint8 [N,3,S,S], before normalisation).

    Args:
        video: The file.
        num_frames: T, frames a view.
        size: S, side of the crop in pixels.
        clips: Temporal clips (``val`` only).
        crops: Spatial crops, 1 or 3 (``val`` only).
        mode: ``train`` augments with the released probabilities.
        seed: Seeds Python, numpy and torch before the pipeline is called; None leaves them.
        out: A safetensors file; N = crops * clips * T with the crop outermost.
        pipeline: Name of a pipeline.

    Raises:
        DecodeError: The file gives no usable frames.
        UsageError: An argument is out of range.
        DataError: ``out`` cannot be written.
    """
    if mode == "train" and (clips, crops) != (1, 1):
        raise UsageError(
            "several views exist at test time only",
            got=f"--views {clips}x{crops} with --mode train",
            next_step="drop --views, or use --mode val",
        )
    _at_least("--num-frames", num_frames, 1)
    _at_least("--size", size, 8)
    _at_least("the number of clips in --views", clips, 1)
    spec = PipelineSpec(pipeline, mode, num_frames, size, clips, crops)
    if mode == "train":
        has = EXTENSIONS.get(pipeline).augmentations
        spec = replace(spec, **{name: _RELEASED[name] for name in has})
    run = build(spec)
    if seed is not None:
        seed_everything(seed)
    made = run(video)
    content = save({"frame_inds": made.frame_inds, "u8": made.frames})
    write_whole(out, content, flag="--out FILE")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{name} is too small", got=value, allowed=f"{least} or more")
