"""Options of this pipeline."""

from __future__ import annotations

from pydantic import Field

from bench.data.pipelines.base import PipelineOptions


class ActionClipOptions(PipelineOptions):
    """Augmentation of single frames."""

    randaug_ops: int = Field(
        default=0, ge=0, description="RandAugment operations per frame; 0: none"
    )
    randaug_magnitude: float = Field(default=0, ge=0, le=30, description="RandAugment's strength")
