"""CLIP image-FT: only the image encoder is fine-tuned (ViFi-CLIP, commit e2d1948)."""

from __future__ import annotations

from methods.catalogue import FACTS
from methods.vifi.family import VifiFamily


class ClipImageFt(VifiFamily, facts=FACTS["clip-image-ft"]):
    """The text encoder and the temperature stay as CLIP has them."""

    trained = ("image_encoder.",)
