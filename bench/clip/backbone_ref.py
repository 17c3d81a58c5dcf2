"""Which CLIP weights a job uses. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from bench.ground.frozen import Frozen


class BackboneRef(Frozen):
    """CLIP weights: an architecture and the file that fills it."""

    model: str = Field(description="open_clip model name, or path of a model configuration")
    model_sha256: str | None = Field(
        default=None, description="of the model configuration, where it is a file"
    )
    weights: str | None = Field(description="path of the weights file")
    weights_sha256: str | None = None
    quick_gelu: bool | None = Field(default=None, description="None: decided by the weights")
    pretraining: str = Field(default="", description="what the weights were trained on")
