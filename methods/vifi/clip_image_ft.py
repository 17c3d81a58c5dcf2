"""CLIP image-FT: only the image encoder is fine-tuned (ViFi-CLIP, commit e2d1948)."""

from __future__ import annotations

from methods.vifi.facts import CLIP_IMAGE_FT
from methods.vifi.family import VifiFamily


class ClipImageFt(VifiFamily, facts=CLIP_IMAGE_FT):
    """The text encoder and the temperature stay as CLIP has them."""

    trained = ("image_encoder.",)
