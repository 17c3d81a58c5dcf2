"""What ViFi-CLIP's authors and OpenAI released, read into the adapters."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bench.clip import OPENAI_MARKERS, mismatches, state_dict_of
from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.configuration import RELEASED_TOGETHER, vifi_method_in
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, read_released, released_tensors

if TYPE_CHECKING:
    from methods.vifi.family import VifiFamily

_log = logging.getLogger(__name__)

CLASS_BUFFERS = (r"prompt_learner\.(complete_text_embeddings|token_prefix|token_suffix)",)
"""What a released file holds about its own class list; the original drops it on loading too."""

_TABLE = "token_embedding.weight"
_TEXT = ("transformer.", "ln_final.", "positional_embedding", "text_projection")


def load(method: VifiFamily, source: Path | Mapping[str, Any]) -> KeyReport:
    """See ``VifiFamily.load_released``."""
    content, name = read_released(source)
    made_as = vifi_method_in(content)
    if made_as not in (None, method.name) and method.name in RELEASED_TOGETHER:
        _log.warning(
            "%s: its configuration says that it is a checkpoint of %s, not of %s",
            name,
            made_as,
            method.name,
        )
    tensors = state_dict_of(content, source=name)
    return load_checked(method, tensors, source=name, ignore=CLASS_BUFFERS)


def load_openai(
    method: VifiFamily, source: Path | Mapping[str, Any], table: Tensor
) -> tuple[KeyReport, Tensor]:
    """CLIP's own weights into a method, and their token table.

    Args:
        method: What is filled.
        source: The file, or what it holds.
        table: The token table of the method; the file's must have its shape.

    Returns:
        What became of each tensor, and the file's token table in float32.
    """
    tensors, name = released_tensors(source)
    tensors = {key: value for key, value in tensors.items() if key not in OPENAI_MARKERS}
    given = tensors.get(_TABLE, torch.empty(0))
    problems = mismatches({_TABLE: table}, {_TABLE: given} if len(given) else {})
    if problems:
        raise WeightsError(f"{name} does not fit {method.title}", got="; ".join(problems))
    own = {_own_name(key): value for key, value in tensors.items() if key != _TABLE}
    load_checked(method, own, source=name)
    report = KeyReport(tuple(sorted(tensors)), missing=(), unexpected=(), ignored=())
    return report, given.to(torch.float32)


def _own_name(key: str) -> str:
    if key.startswith("visual."):
        return "image_encoder." + key.removeprefix("visual.")
    return "text_encoder." + key if key.startswith(_TEXT) else key


def content_of(method: VifiFamily) -> dict[str, Any]:
    """As ViFi-CLIP's training saves it, without the buffers that it drops on loading."""
    return {"model": state_of(method, prefix="module.")}


def openai_content_of(method: VifiFamily, table: Tensor) -> dict[str, Any]:
    """A method's weights in CLIP's own layout, with its token table."""
    tensors = {_clip_name(name): value for name, value in state_of(method).items()}
    return {**tensors, _TABLE: table.detach().cpu().clone()}


def _clip_name(own: str) -> str:
    if own.startswith("image_encoder."):
        return "visual." + own.removeprefix("image_encoder.")
    return own.removeprefix("text_encoder.")
