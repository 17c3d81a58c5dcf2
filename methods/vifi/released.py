"""What ViFi-CLIP's authors and OpenAI released, read into the adapters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bench.clip import OPENAI_MARKERS, mismatches
from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.released import load_checked, released_tensors

if TYPE_CHECKING:
    from methods.vifi.family import VifiFamily

CLASS_BUFFERS = (r"prompt_learner\.(complete_text_embeddings|token_prefix|token_suffix)",)
"""What a released file holds about its own class list; the original drops it on loading too."""

_TABLE = "token_embedding.weight"
_TEXT = ("transformer.", "ln_final.", "positional_embedding", "text_projection")


def load(method: VifiFamily, source: Path | Mapping[str, Any]) -> KeyReport:
    """See ``VifiFamily.load_released``."""
    tensors, name = released_tensors(source)
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
