"""What the authors of A5 released, read into the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, released_tensors

if TYPE_CHECKING:
    from methods.a5.adapter import A5

_FRAME_POSITIONS = "temporalEmbedding.weight"
_LAYER = "temporalModelling.resblocks.{}.attn.in_proj_weight"


def load(method: A5, source: Path | Mapping[str, Any]) -> KeyReport:
    """See ``A5.load_released``."""
    tensors, name = released_tensors(source)
    positions = tensors.get(_FRAME_POSITIONS)
    if positions is not None and len(positions) != method.num_frames:
        raise _unfit(name, "num_frames", "frames per video", len(positions), method.num_frames)
    layers = len(method.temporalModelling.resblocks)
    given = sum(_LAYER.format(index) in tensors for index in range(len(tensors)))
    if positions is not None and given != layers:
        raise _unfit(name, "temporal_layers", "temporal layers", given, layers)
    return load_checked(method, tensors, source=name)


def _unfit(name: str, option: str, what: str, given: int, wanted: int) -> WeightsError:
    return WeightsError(
        f"{name} was trained with {given} {what} and cannot be read with another number",
        got=f"{option} = {wanted}",
        allowed=given,
        next_step=f"set {option} = {given}",
    )


def content_of(method: A5) -> dict[str, Any]:
    """As the training of Efficient-Prompt saves it: CLIP whole, no prefix."""
    return {"state_dict": state_of(method)}
