"""CLIP text-FT: only the text encoder is fine-tuned (ViFi-CLIP, commit e2d1948)."""

from __future__ import annotations

from methods.catalogue import FACTS
from methods.vifi.family import VifiFamily


class ClipTextFt(VifiFamily, facts=FACTS["clip-text-ft"]):
    """The image encoder and the temperature stay as CLIP has them."""

    trained = ("text_encoder.",)
