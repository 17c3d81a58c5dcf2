"""A5's pipeline: windows of neighbouring frames at a random rate."""

from __future__ import annotations

from bench.data.pipelines.base import Opener, Pipeline, PipelineDefinition, PipelineSpec


def _build(spec: PipelineSpec, open_video: Opener) -> Pipeline:
    from bench.data.pipelines.a5.frames import A5Pipeline

    return A5Pipeline(spec, open_video)


PIPELINE = PipelineDefinition(
    name="a5",
    summary="a window of neighbouring frames at a random rate, centre crop, no augmentation",
    build=_build,
    gives_every_frame=True,
)
