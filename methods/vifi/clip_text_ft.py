"""CLIP text-FT: only the text encoder is fine-tuned (ViFi-CLIP, commit e2d1948)."""

from __future__ import annotations

from methods.vifi.facts import CLIP_TEXT_FT
from methods.vifi.family import VifiFamily


class ClipTextFt(VifiFamily, facts=CLIP_TEXT_FT):
    """The image encoder and the temperature stay as CLIP has them."""

    trained = ("text_encoder.",)
