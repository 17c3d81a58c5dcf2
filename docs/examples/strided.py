"""A pipeline of your own: frames a fixed distance apart, and a method that is shown them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import Field

import methods
from bench.data.pipelines.base import (
    ClipFrames,
    Opener,
    PipelineDefinition,
    PipelineOptions,
    PipelineSpec,
)
from methods.base import CLIP, Origin, Preprocessing


class StridedOptions(PipelineOptions):
    """What a recipe may choose."""

    stride: int = Field(default=1, ge=1, description="frames from one sampled frame to the next")


@dataclass(frozen=True)
class Strided:
    """From a video to its frames."""

    spec: PipelineSpec
    open_video: Opener

    def __call__(self, path: Path) -> ClipFrames:
        """Decode and resize the frames of one video."""
        video = self.open_video(path)
        stride = StridedOptions(**self.spec.options).stride
        indices = np.minimum(np.arange(self.spec.num_frames) * stride, len(video) - 1)
        size = (self.spec.image_size, self.spec.image_size)
        images = [Image.fromarray(frame).resize(size) for frame in video.get_frames(indices)]
        frames = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
        return ClipFrames(np.ascontiguousarray(frames), indices, video.decoder)


PIPELINE = PipelineDefinition(
    name="strided",
    summary="every so many frames",
    build=Strided,
    options=StridedOptions,
    augmentations=(),
    crops=(1,),
)


class StridedClip(methods.get("vanilla-clip")):  # type: ignore[misc]
    """Vanilla CLIP on these frames."""

    name = "strided-clip"
    title = "Strided CLIP"
    origin = Origin("nobody")
    preprocessing = Preprocessing("strided", *CLIP, options={"stride": 2})
