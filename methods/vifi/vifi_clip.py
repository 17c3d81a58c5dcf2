"""ViFi-CLIP: both encoders are fine-tuned; frame features are averaged (commit e2d1948).

Shapes: B videos, T frames, C classes, E joint width.

How frames become a video is an option, for the paper's comparison (its Table 5). The released code
has ``embedding`` only; the others follow the paper's words:

- ``embedding``: the frame features, not normalised, are averaged; one logit per class.
- ``decision``: the logits of every frame are averaged. Inferred: a frame's logits are CLIP's, so
  its feature is normalised on its own; the loss is that of the averaged logits (not of averaged
  probabilities).
- ``image``: every frame is an image with the label of its video, the loss is the mean over frames.
  Inferred: in tests, where the paper is silent, the frames' logits are averaged as in ``decision``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.clip import normalize
from methods.vifi.facts import VIFI_CLIP
from methods.vifi.family import VifiFamily


class VifiClip(VifiFamily, facts=VIFI_CLIP):
    """Everything is trained, the temperature included; the token embeddings are not.

    Options:
        fusion: ``embedding`` (ViFi-CLIP), ``decision`` or ``image``; see the module's text.
    """

    trained = ("image_encoder.", "text_encoder.", "logit_scale")

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        # A plug-in that derives from this one may have other options.
        self.fusion = str(options.get("fusion", "embedding"))
        super().__init__(clip, class_names, num_frames, **options)

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Logits [B,C] of the video, from frame features [B,T,E] and text features [C,E]."""
        if self.fusion == "embedding":
            return super().score(frames, text)
        return self.score_frames(frames, text).mean(dim=1)

    def score_frames(self, frames: Tensor, text: Tensor) -> Tensor:
        """Logits [B,T,C] of every frame on its own."""
        similarity = normalize(frames) @ normalize(text).T  # [B,T,C]
        return self.logit_scale.exp() * similarity

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """Mean loss over the clips, with ``image`` fusion over their frames; see ``Method``."""
        if self.fusion != "image":
            return super().loss(video, targets, text)
        frames = self.encode_frames(video)
        logits = self.score_frames(frames, self.encode_text() if text is None else text)
        labels = targets.repeat_interleave(video.shape[1], dim=0)  # [B*T] or [B*T,C]
        return cross_entropy(logits.flatten(0, 1).float(), labels)  # [B*T,C], [B*T] or [B*T,C]
