"""ViFi-CLIP's pipeline: sparse sampling, multi-scale crop, colour jitter per frame."""

from __future__ import annotations

from bench.data.pipelines.base import Opener, Pipeline, PipelineDefinition, PipelineSpec


def _build(spec: PipelineSpec, open_video: Opener) -> Pipeline:
    import cv2

    from bench.data.pipelines.vificlip.frames import VifiClipPipeline

    # Frames are small, and OpenCV's thread pool does not survive a fork.
    cv2.setNumThreads(1)
    return VifiClipPipeline(spec, open_video)


PIPELINE = PipelineDefinition(
    name="vificlip",
    summary="sparse frames, multi-scale crop, jitter per frame, flip (ViFi-CLIP, X-CLIP)",
    build=_build,
)
