"""The contract of a pipeline: a video file to the uint8 frames a model sees.

A pipeline is a module in this folder, chosen by name (``Preprocessing.pipeline``), with a function
``build(spec: PipelineSpec, open_video: Opener) -> Pipeline``. Draws use the global generators of
Python, numpy and torch, in the order of the original code; the caller seeds them for each clip.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.ground.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from bench.data.video.decode import Video

Opener = Callable[[Path], "Video"]
"""Opens a video file; ``bench.data.video.decode.open_video`` or a cache in front of it."""


@dataclass(frozen=True)
class PipelineSpec:
    """What to make of a video.

    Attributes:
        name: Module in ``bench/data/pipelines``.
        mode: ``train`` draws at random, ``val`` does not; ``every``: all frames of the video as
            ``train`` shows them without augmentation, each a view (T = 1). Only modules with
            ``GIVES_EVERY_FRAME = True`` have it; their pipelines have ``sample(total_frames)``.
        num_frames: T, frames a view.
        image_size: S, side of the square crop in pixels.
        clips: Temporal clips a video (``val`` only).
        crops: Spatial crops a video, 1 or 3 (``val`` only).
        color_jitter: Probability a clip (``train`` only).
        gray_scale: Probability a clip (``train`` only).
        flip: Probability a clip (``train`` only).
        randaug_ops: RandAugment's operations a frame (``train`` only); 0: none. Only modules with
            ``TAKES_RAND_AUGMENT = True`` take more.
        randaug_magnitude: RandAugment's strength, 0 to 30.
        frame_stride: Frames from one sampled frame to the next; 0: one frame from each of T equal
            segments; None: as the pipeline has it. Only modules that name it in ``TAKES`` take a
            number.
        smallest_crop: Smallest area of a random crop, as a share of the frame (``train`` only);
            None: as the pipeline has it. Only modules that name it in ``TAKES`` take a number.
    """

    name: str
    mode: Literal["train", "val", "every"]
    num_frames: int
    image_size: int
    clips: int = 1
    crops: int = 1
    color_jitter: float = 0.0
    gray_scale: float = 0.0
    flip: float = 0.0
    randaug_ops: int = 0
    randaug_magnitude: float = 0.0
    frame_stride: int | None = None
    smallest_crop: float | None = None

    @property
    def random(self) -> bool:
        """Whether two calls on one file may differ (training, and several temporal clips)."""
        return self.mode == "train" or self.clips > 1

    @property
    def views(self) -> int:
        """Views a video; the pipeline gives ``views * num_frames`` frames."""
        return self.clips * self.crops

    def fingerprint(self) -> str:
        """Hash of every field: two specs with equal fingerprints give equal frames."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ClipFrames:
    """Frames of one video before normalisation, in the order the model sees them.

    Attributes:
        frames: uint8 RGB [N,3,S,S] with N = views * T; crop outermost, then clip, then frame.
        frame_inds: int64, 0-based frame indices that were decoded, [clips * T].
        decoder: Library that decoded them, ``decord`` or ``pyav``.
    """

    frames: NDArray[np.uint8]
    frame_inds: NDArray[np.int64]
    decoder: str = ""


class Pipeline(Protocol):
    """A callable from a video file to frames."""

    spec: PipelineSpec

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and transform one video.

        Raises:
            bench.data.video.decode.DecodeError: The file gives no usable frames (with a reason
                code).
        """
        ...


def names() -> tuple[str, ...]:
    """The pipelines there are: the files beside this one."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(file.stem for file in files if file.stem != "base")


def build(spec: PipelineSpec, open_video: Opener | None = None) -> Pipeline:
    """The pipeline that ``spec`` names.

    Args:
        spec: What to make of a video.
        open_video: How files are opened; None decodes them from disk each time.

    Raises:
        UsageError: The pipeline does not have what ``spec`` asks for.
    """
    if open_video is None:
        from bench.data.video.decode import open_video
    if spec.name not in names():
        raise unknown_name("pipeline", spec.name, names())
    module = importlib.import_module(f"bench.data.pipelines.{spec.name}")
    if spec.randaug_ops and not getattr(module, "TAKES_RAND_AUGMENT", False):
        raise UsageError(
            f"the pipeline {spec.name} has no RandAugment",
            got=f"randaug_ops = {spec.randaug_ops}",
            allowed=0,
            next_step="set randaug_ops to 0 in the recipe",
        )
    for name in ("frame_stride", "smallest_crop"):
        value = getattr(spec, name)
        if value is not None and name not in getattr(module, "TAKES", ()):
            raise UsageError(
                f"the pipeline {spec.name} has no {name}",
                got=f"{name} = {value}",
                next_step=f"remove {name} from the recipe",
            )
    if spec.mode == "every" and not gives_every_frame(spec.name):
        raise UsageError(
            f"the pipeline {spec.name} does not give all frames of a video", got="mode = 'every'"
        )
    pipeline: Pipeline = module.build(spec, open_video)
    return pipeline


def gives_every_frame(name: str) -> bool:
    """Whether a pipeline has the mode ``every``."""
    module = importlib.import_module(f"bench.data.pipelines.{name}")
    return bool(getattr(module, "GIVES_EVERY_FRAME", False))
