"""Vita-CLIP's pipeline: a window of the video at its own frame rate, no flip."""

from __future__ import annotations

from bench.data.pipelines.base import (
    Opener,
    Pipeline,
    PipelineDefinition,
    PipelineSpec,
)
from bench.data.pipelines.vitaclip.options import VitaClipOptions


def _build(spec: PipelineSpec, open_video: Opener) -> Pipeline:
    from bench.data.pipelines.vitaclip.frames import VitaClipPipeline

    return VitaClipPipeline(spec, open_video)


PIPELINE = PipelineDefinition(
    name="vitaclip",
    summary="a window at the video's own frame rate, random crop, RandAugment per clip",
    build=_build,
    options=VitaClipOptions,
    train_only=("randaug_ops", "randaug_magnitude", "smallest_crop"),
    augmentations=(),
)
