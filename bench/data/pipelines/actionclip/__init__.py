"""ActionCLIP's pipeline: segments, multi-scale crop with 13 places."""

from __future__ import annotations

from bench.data.pipelines.actionclip.options import ActionClipOptions
from bench.data.pipelines.base import (
    Opener,
    Pipeline,
    PipelineDefinition,
    PipelineSpec,
)


def _build(spec: PipelineSpec, open_video: Opener) -> Pipeline:
    from bench.data.pipelines.actionclip.frames import ActionClipPipeline

    return ActionClipPipeline(spec, open_video)


PIPELINE = PipelineDefinition(
    name="actionclip",
    summary="a frame per segment, multi-scale crop at 13 places, RandAugment per frame",
    build=_build,
    options=ActionClipOptions,
    train_only=("randaug_ops", "randaug_magnitude"),
)
