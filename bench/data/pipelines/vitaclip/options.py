"""Options of this pipeline."""

from __future__ import annotations

from pydantic import Field

from bench.data.pipelines.base import PipelineOptions


class VitaClipOptions(PipelineOptions):
    """Sampling and augmentation."""

    randaug_ops: int = Field(
        default=0, ge=0, description="RandAugment operations per clip; 0: none"
    )
    randaug_magnitude: float = Field(default=0, ge=0, le=30, description="RandAugment's strength")
    frame_stride: int = Field(
        default=16,
        ge=0,
        description="frames from one sampled frame to the next; 0: one from each of T segments",
    )
    smallest_crop: float = Field(
        default=0.08,
        gt=0,
        le=1,
        description="smallest random crop as a share of the frame's area",
    )
