"""Vanilla CLIP on video: nothing is trained (ViFi-CLIP with ZS_EVAL, commit e2d1948)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from methods.base import KeyReport
from methods.vifi.facts import VANILLA_CLIP
from methods.vifi.family import VifiFamily
from methods.vifi.released import load_openai, openai_content_of


class VanillaClip(VifiFamily, facts=VANILLA_CLIP):
    """The prompt is the bare class name, nothing else."""

    template = "{}"

    def original_content(self) -> dict[str, Any]:
        """CLIP's own layout, the token table included; see ``Method``."""
        return openai_content_of(self, self._token_table)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load CLIP's own weights (OpenAI's layout), the token table included; see ``Method``."""
        report, table = load_openai(self, source, self._token_table)
        self._token_table = table
        self.set_classes(self.class_names)
        return report
