"""What X-CLIP's authors released, read into the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, released_tensors

if TYPE_CHECKING:
    from methods.xclip.adapter import XClip

_FRAME_POSITIONS = "mit.positional_embedding"


def load(method: XClip, source: Path | Mapping[str, Any]) -> KeyReport:
    """See ``XClip.load_released``."""
    tensors, name = released_tensors(source)
    positions = tensors.get(_FRAME_POSITIONS)
    if positions is not None and positions.dim() == 3 and positions.shape[1] != method.num_frames:
        frames = positions.shape[1]
        raise WeightsError(
            f"{name} was trained on {frames} frames per video and cannot read another number",
            got=f"num_frames = {method.num_frames}",
            allowed=frames,
            next_step=f"evaluate it with {frames} frames",
        )
    return load_checked(method, tensors, source=name)


def content_of(method: XClip) -> dict[str, Any]:
    """As X-CLIP's training saves it: no prefix."""
    return {"model": state_of(method)}
