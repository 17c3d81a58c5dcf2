"""Vanilla CLIP on video: nothing is trained (ViFi-CLIP with ZS_EVAL, commit e2d1948)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench.clip import OPENAI_MARKERS, mismatches
from bench.ground.errors import WeightsError
from methods.base import KeyReport
from methods.checkpoints.export import state_of
from methods.checkpoints.released import load_checked, released_tensors
from methods.vifi.facts import VANILLA_CLIP
from methods.vifi.family import VifiFamily

_TABLE = "token_embedding.weight"
_TEXT = ("transformer.", "ln_final.", "positional_embedding", "text_projection")


class VanillaClip(VifiFamily, facts=VANILLA_CLIP):
    """The prompt is the bare class name, nothing else."""

    template = "{}"

    def original_content(self) -> dict[str, Any]:
        """CLIP's own layout, the token table included."""
        tensors = {_clip_name(name): value for name, value in state_of(self).items()}
        return {**tensors, _TABLE: self._token_table.detach().cpu().clone()}

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load CLIP's own weights (OpenAI's layout), the token table included; see ``Method``."""
        tensors, name = released_tensors(source)
        tensors = {key: value for key, value in tensors.items() if key not in OPENAI_MARKERS}
        table = tensors.get(_TABLE, torch.empty(0))
        problems = mismatches({_TABLE: self._token_table}, {_TABLE: table} if len(table) else {})
        if problems:
            raise WeightsError(f"{name} does not fit {self.title}", got="; ".join(problems))
        own = {_own_name(key): value for key, value in tensors.items() if key != _TABLE}
        load_checked(self, own, source=name)
        self._token_table = table.to(torch.float32)
        self.set_classes(self.class_names)
        return KeyReport(tuple(sorted(tensors)), missing=(), unexpected=(), ignored=())


def _own_name(key: str) -> str:
    if key.startswith("visual."):
        return "image_encoder." + key.removeprefix("visual.")
    return "text_encoder." + key if key.startswith(_TEXT) else key


def _clip_name(own: str) -> str:
    if own.startswith("image_encoder."):
        return "visual." + own.removeprefix("image_encoder.")
    return own.removeprefix("text_encoder.")
