"""ViFi-CLIP: both encoders are fine-tuned; frame features are averaged (commit e2d1948)."""

from __future__ import annotations

from methods.catalogue import FACTS
from methods.vifi_family import VifiFamily


class VifiClip(VifiFamily, facts=FACTS["vifi-clip"]):
    """Everything is trained, the temperature included; the token embeddings are not."""

    trained = ("image_encoder.", "text_encoder.", "logit_scale")
