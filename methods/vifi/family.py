"""What vanilla CLIP, image-FT, text-FT and ViFi-CLIP share: CLIP on frames, features averaged.

Shapes: B videos, T frames, C classes, L tokens, D text width, E joint width.

No temporal parameter: the frame features are averaged over time before they are normalised.
Parameter names are those of the released ViFi-CLIP checkpoints: ``image_encoder.*``,
``text_encoder.*``, ``logit_scale``. The token table is not part of the model: the class names'
token embeddings are looked up once and are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench.clip import TextTower, end_of_text, normalize, tokenize
from methods.base import KeyReport, Method
from methods.vifi.released import content_of, load


class VifiFamily(Method):
    """CLIP applied to every frame; see the module's text.

    Attributes:
        cut_text: True: the text tower runs on the tokens up to the last end token (same result).
    """

    template: ClassVar[str] = "a photo of a {}."
    """Prompt; the class name goes in as the label file has it, "_" included."""
    trained: ClassVar[tuple[str, ...]] = ()
    """Prefixes of the names of the parameters that are trained."""

    token_embeddings: Tensor
    eot: Tensor

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        self.logit_scale: nn.Parameter = clip.logit_scale
        self.image_encoder: nn.Module = clip.visual
        self.text_encoder = TextTower(clip)
        self.cut_text = True
        # A plain tensor, so that it neither follows the module's device nor enters its state.
        self._token_table = clip.token_embedding.weight.detach()
        self.set_classes(class_names)
        self.freeze_all_but(
            name for name, _ in self.named_parameters() if name.startswith(self.trained)
        )

    def prompt(self, class_name: str) -> str:
        """The string that stands for a class."""
        return self.template.format(class_name)

    def set_classes(self, class_names: Sequence[str]) -> None:
        """Look up the token embeddings of another class list; the weights stay."""
        self.class_names = tuple(class_names)
        self.prompts = tuple(map(self.prompt, class_names))
        context = self.text_encoder.positional_embedding
        ids = tokenize(self.prompts, context_length=len(context))
        eot = end_of_text(ids)
        self._text_length = int(eot.max()) + 1
        embeddings = self._token_table[ids.to(self._token_table.device)]  # [C,L,D]
        self.register_buffer("token_embeddings", embeddings.to(context.device), persistent=False)
        self.register_buffer("eot", eot.to(context.device), persistent=False)

    def encode_text(self) -> Tensor:
        """Text features [C,E] before normalisation."""
        length = self._text_length if self.cut_text else self.token_embeddings.shape[1]
        features: Tensor = self.text_encoder(self.token_embeddings[:, :length], self.eot)
        return features

    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] before normalisation; ``video`` [B,T,3,H,W]."""
        features: Tensor = self.image_encoder(video.flatten(0, 1))  # [B*T,E]
        return features.unflatten(0, video.shape[:2])  # [B,T,E]

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Logits [B,C]: scaled cosine of the averaged frame features and the text features."""
        similarity = normalize(frames.mean(dim=1)) @ normalize(text).T  # [B,C]
        return self.logit_scale.exp() * similarity

    def original_content(self) -> dict[str, Any]:
        """See ``Method``."""
        return content_of(self)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released ViFi-CLIP, image-FT or text-FT checkpoint; see ``Method``."""
        return load(self, source)

    @torch.no_grad()
    def intermediates(self, video: Tensor) -> dict[str, Tensor]:
        """Features on the way to the scores, by the names that the golden files use."""
        frames = self.encode_frames(video)
        return {
            "mid.frame_features": frames,
            "mid.video_features": frames.mean(dim=1),
            "mid.text_features": self.encode_text(),
        }
