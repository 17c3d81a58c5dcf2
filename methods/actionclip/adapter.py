"""ActionCLIP: the clips and texts of a batch are matched with each other; a head fuses the frames.

Checked against sallymmx/ActionCLIP at commit 31c34df. Names are those of its checkpoints: OpenAI's
for CLIP, ``fusion.`` and then the name for what it keeps in ``fusion_model_state_dict``.

Shapes: B clips, T frames, C classes, n prompts, L tokens, D width, E joint width.

Differences from it, on purpose:

- It keeps the towers' weights in fp16 without an fp32 copy, so that at its learning rates an update
  of a weight above 1/64 is rounded away. Here weights are fp32; the towers learn more than there.
- Its dropout and drop path in the towers are off in all its configurations and are no options
  here; its option ``joint`` fails in the original too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.clip import end_of_text, normalize, tokenize
from bench.ground.errors import UsageError
from methods.actionclip.facts import ACTIONCLIP
from methods.actionclip.fusion import build_fusion
from methods.actionclip.released import content_of, load
from methods.actionclip.shift import shift_in_time
from methods.actionclip.text import (
    TEMPLATES,
    log_mean_probability,
    matching_loss,
    prompts_of,
    template_scores,
)
from methods.base import KeyReport, Method, ParameterGroup
from methods.image_tower import require_plain

_IMAGE = "visual."
_FUSION = "fusion."
_PROMPTS_A_PASS = 512


class ActionClip(Method, facts=ACTIONCLIP):
    """See the module's text.

    Options:
        fusion: ``Transf`` (the paper's), ``meanP``, ``Transf_cls``, ``LSTM`` or ``Conv_1D``.
        temporal_shift: Whether patches take channels over from the neighbouring frames before
            every block of the image tower.
        train_text: Whether the text tower and the token table are trained.
        image_lr_ratio: Learning rate of the image tower over that of the text tower.
        fusion_lr_ratio: The same for the fusion head.

    Attributes:
        cut_text: True: the text tower runs on the tokens up to the last end token (same result).
        share_texts: True: a prompt that several clips drew is encoded once (same result).
    """

    loss_spans_update: ClassVar[bool] = True

    token_ids: Tensor
    eot: Tensor
    attn_mask: Tensor

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        require_plain(clip.visual, self.title)
        self._lr_ratios = tuple(
            _positive(option, options[option]) for option in ("image_lr_ratio", "fusion_lr_ratio")
        )
        self.positional_embedding: nn.Parameter = clip.positional_embedding
        self.text_projection: nn.Parameter = clip.text_projection
        self.logit_scale: nn.Parameter = clip.logit_scale
        self.visual: Any = clip.visual
        self.transformer: nn.Module = clip.transformer
        self.token_embedding: nn.Module = clip.token_embedding
        self.ln_final: nn.Module = clip.ln_final
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)
        self.fusion: Any = build_fusion(str(options["fusion"]), clip, num_frames)
        self.temporal_shift = bool(options["temporal_shift"])
        if self.temporal_shift:
            shift_in_time(self.visual, num_frames)
        self.cut_text = True
        self.share_texts = True
        self.set_classes(class_names)
        self.freeze_all_but(self._trained(bool(options["train_text"])))

    def _trained(self, train_text: bool) -> list[str]:
        # What gets no gradient is passed by in the original's optimiser: it does not decay either.
        unread = {_FUSION + name for name in self.fusion.unread}
        names = [name for name, _ in self.named_parameters() if name not in unread]
        if train_text:
            return names
        # The original stops the gradient behind the text tower; the temperature still learns.
        return [name for name in names if name.startswith((_IMAGE, _FUSION, "logit_scale"))]

    def set_classes(self, class_names: Sequence[str]) -> None:
        """Tokenise the 16 prompts of every class of another list; the weights stay."""
        self.class_names = tuple(class_names)
        self.prompts = prompts_of(self.class_names)
        context = self.positional_embedding
        ids = tokenize(self.prompts, context_length=len(context))
        self.register_buffer("token_ids", ids.to(context.device), persistent=False)
        self.register_buffer("eot", end_of_text(ids).to(context.device), persistent=False)

    def encode_text(self) -> Tensor:
        """Features of all prompts [16 * C,E] before normalisation, row = template * C + class."""
        rows = torch.arange(len(self.prompts), device=self.token_ids.device)
        return torch.cat([self._encode_prompts(part) for part in rows.split(_PROMPTS_A_PASS)])
        # [16*C,E]

    def _encode_prompts(self, rows: Tensor) -> Tensor:
        """Features [n,E] of the prompts with the numbers ``rows`` [n]."""
        ids, eot = self.token_ids[rows], self.eot[rows]
        length = int(eot.max()) + 1 if self.cut_text else ids.shape[1]
        tokens = self.token_embedding(ids[:, :length]) + self.positional_embedding[:length]
        tokens = self.transformer(tokens, attn_mask=self.attn_mask[:length, :length])
        ends = tokens[torch.arange(len(tokens), device=tokens.device), eot]  # [n,D]
        features: Tensor = self.ln_final(ends) @ self.text_projection
        return features

    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] before normalisation; ``video`` [B,T,3,H,W].

        Raises:
            UsageError: With a temporal shift, the video has another number of frames.
        """
        if self.temporal_shift and video.shape[1] != self.num_frames:
            raise UsageError(
                f"this {self.title} shifts among {self.num_frames} frames per video",
                got=f"{video.shape[1]} frames",
                allowed=self.num_frames,
                next_step=f"sample {self.num_frames} frames",
            )
        features: Tensor = self.visual(video.flatten(0, 1))  # [B*T,E]
        return features.unflatten(0, video.shape[:2])  # [B,T,E]

    def encode_clips(self, video: Tensor) -> Tensor:
        """Clip features [B,E] before normalisation; see ``Method``."""
        features: Tensor = self.fusion(self.encode_frames(video))
        return features

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Log of the class probabilities [B,C], averaged over the 16 templates.

        Args:
            frames: [B,T,E] from ``encode_frames``.
            text: [16 * C,E] from ``encode_text``.
        """
        return log_mean_probability(template_scores(self.fusion(frames), text))

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """``clips_loss`` of a batch that is a whole update; see ``Method``."""
        return self.clips_loss(self.encode_clips(video), targets, text)

    def clips_loss(
        self,
        clips: Tensor,
        targets: Tensor,
        text: Tensor | None = None,
        *,
        templates: Tensor | None = None,
    ) -> Tensor:
        """How far clips and texts of one update are from finding each other, a scalar.

        Every clip gets a prompt of its class, with a template drawn from numpy's generator.

        Args:
            clips: [B,E] from ``encode_clips``.
            targets: Class ids [B], int64.
            text: The result of ``encode_text``, or None to encode only the drawn prompts.
            templates: Numbers of templates [B] instead of drawn ones.

        Raises:
            UsageError: The targets are soft; the loss asks which clips share a class.
        """
        if targets.dim() != 1:
            raise UsageError(
                f"{self.title} compares the classes of clips and takes no soft targets",
                got=f"targets of shape {list(targets.shape)}",
                allowed="label_smoothing = 0, mixup_alpha = 0 and cutmix_alpha = 0 in the recipe",
            )
        if templates is None:
            templates = torch.from_numpy(np.random.randint(len(TEMPLATES), size=len(targets)))
        rows = templates.to(targets.device) * len(self.class_names) + targets
        texts = self._encode_drawn(rows) if text is None else text[rows]  # [B,E]
        cosines = normalize(clips.float()) @ normalize(texts.float()).T  # [B,B]
        return matching_loss((self.logit_scale.exp() * cosines).float(), targets)

    def _encode_drawn(self, rows: Tensor) -> Tensor:
        """Features [B,E] of the prompts with the numbers ``rows`` [B], which may repeat."""
        if not self.share_texts:
            return self._encode_prompts(rows)
        unique, inverse = rows.unique(return_inverse=True)
        return self._encode_prompts(unique)[inverse]

    def parameter_groups(self) -> list[ParameterGroup]:
        """Text tower with the temperature, image tower, fusion head; everything decays."""
        names = self.trainable_names()
        image = tuple(name for name in names if name.startswith(_IMAGE))
        fusion = tuple(name for name in names if name.startswith(_FUSION))
        rest = tuple(name for name in names if name not in {*image, *fusion})
        return [
            ParameterGroup(group, lr_scale=scale)
            for group, scale in zip((rest, image, fusion), (1.0, *self._lr_ratios), strict=True)
            if group
        ]

    def original_content(self) -> dict[str, Any]:
        """See ``Method``."""
        return content_of(self)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released ActionCLIP checkpoint, or one of mmaction2's port; see ``Method``.

        A table of frame positions with fewer rows than here (the port's) fills the first ones. The
        report has ``fusion.`` in front of the fusion head's names.
        """
        return load(self, source)

    @torch.no_grad()
    def intermediates(self, video: Tensor) -> dict[str, Tensor]:
        """Features on the way to the scores, by the names that the golden files use."""
        frames, text = self.encode_frames(video), self.encode_text()
        clips = self.fusion(frames)
        scores = template_scores(clips, text)
        return {
            "mid.frame_features": frames,
            "mid.video_features": clips,
            "mid.text_features": text,
            "out.logits_per_template": scores,
            "out.probs": log_mean_probability(scores).exp(),
        }


def _positive(option: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise UsageError(f"actionclip: {option} must be a number", got=value, allowed="> 0")
    return float(value)
