"""X-CLIP: frames exchange message tokens, and every video rewrites the class texts for itself.

Checked against outputs of microsoft/VideoX, folder X-CLIP, as published (no commit is recorded).
Names are those of its checkpoints, which are OpenAI's for CLIP's own part.

Left out of the original on purpose, because it moves numbers without being the method:

- It puts the model back into training mode in every forward pass, so with a drop-path rate above 0
  its validation is random. Here drop path acts in training only.
- Its cache of text features is never emptied: another class list is ignored. Here
  ``set_classes`` takes effect at once.
- Its validation drops the last video of an odd shard, and its 4x3 views are random draws; both are
  the business of the engine and the data pipeline here.

Shapes: B videos, T frames, C classes, L tokens, P patches, D width of a tower, E joint width.

Kept as it is: drop path draws for the token axis (the frame axis in the message step), one draw
for all samples; ``prompts_visual_proj`` starts from N(0, 1); ``alpha`` scales the text itself too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from open_clip.transformer import LayerNorm
from torch import Tensor, nn

from bench.clip import end_of_text, normalize, tokenize
from bench.ground.errors import UsageError
from methods.base import KeyReport, Method, ParameterGroup
from methods.image_tower import class_feature, embed, require_plain
from methods.xclip.facts import XCLIP
from methods.xclip.modules import CrossFrameBlock, MultiframeIntegration, VideoSpecificPrompts
from methods.xclip.released import content_of, load

_NEW_PARTS = ("message_", "mit", "prompts")
"""Parts of the names of parameters that CLIP does not have."""
_TRAINED_WITH_FROZEN_TEXT = ("visual.", "mit", "prompts")
_NEW_PARTS_LR = 10.0


class XClip(Method, facts=XCLIP):
    """See the module's text.

    Options:
        mit_layers: Blocks of the multi-frame integration transformer.
        prompts_layers: Layers of the video-specific prompts.
        prompts_alpha: Start value of the prompts' scale.
        drop_path_rate: Rate in the last block of the image tower; it rises linearly from 0.
        train_text: Whether the text tower, the token table and the temperature are trained.

    Attributes:
        cut_text: True: the text tower runs on the tokens up to the last end token (same result).
    """

    token_ids: Tensor
    eot: Tensor
    attn_mask: Tensor

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        require_plain(clip.visual, self.title)
        _check(options)
        self.transformer: nn.Module = clip.transformer
        self.token_embedding: nn.Module = clip.token_embedding
        self.positional_embedding: nn.Parameter = clip.positional_embedding
        self.ln_final: nn.Module = clip.ln_final
        self.text_projection: nn.Parameter = clip.text_projection
        self.logit_scale: nn.Parameter = clip.logit_scale
        self.register_buffer("attn_mask", clip.attn_mask, persistent=False)
        self.visual: Any = clip.visual
        width, joint = clip.visual.proj.shape
        with torch.device(clip.visual.proj.device):
            self._let_frames_talk(float(options["drop_path_rate"]))
            self.mit = MultiframeIntegration(num_frames, joint, options["mit_layers"])
            self.prompts_visual_ln = LayerNorm(width)
            self.prompts_visual_proj = nn.Parameter(torch.randn(width, joint))
            self.prompts_generator = VideoSpecificPrompts(
                joint, options["prompts_layers"], float(options["prompts_alpha"])
            )
        self.cut_text = True
        self._shortcuts = True
        self.set_classes(class_names)
        self.freeze_all_but(
            name
            for name, _ in self.named_parameters()
            if options["train_text"] or any(part in name for part in _TRAINED_WITH_FROZEN_TEXT)
        )

    def _let_frames_talk(self, drop_path_rate: float) -> None:
        blocks = self.visual.transformer.resblocks
        rates = torch.linspace(0.0, drop_path_rate, len(blocks), device="cpu").tolist()
        for index, rate in enumerate(rates):
            blocks[index] = CrossFrameBlock(blocks[index], self.num_frames, rate)

    @property
    def shortcuts(self) -> bool:
        """Whether the exact faster forms of the image side are taken; may be set."""
        return self._shortcuts

    @shortcuts.setter
    def shortcuts(self, value: bool) -> None:
        self._shortcuts = value
        for module in (self.prompts_generator, *self.visual.transformer.resblocks):
            module.shortcuts = value

    def set_classes(self, class_names: Sequence[str]) -> None:
        """Tokenise another class list, the bare names; the weights stay."""
        self.class_names = tuple(class_names)
        self.prompts = self.class_names
        context = self.positional_embedding
        ids = tokenize(self.prompts, context_length=len(context))
        eot = end_of_text(ids)
        self._text_length = int(eot.max()) + 1
        self.register_buffer("token_ids", ids.to(context.device), persistent=False)
        self.register_buffer("eot", eot.to(context.device), persistent=False)

    def encode_text(self) -> Tensor:
        """Text features [C,E] before normalisation and before a video's prompts."""
        length = self._text_length if self.cut_text else self.token_ids.shape[1]
        tokens = self.token_embedding(self.token_ids[:, :length])  # [C,L,D]
        tokens = tokens + self.positional_embedding[:length]
        tokens = self.transformer(tokens, attn_mask=self.attn_mask[:length, :length])
        ends = tokens[torch.arange(len(tokens), device=tokens.device), self.eot]  # [C,D]
        features: Tensor = self.ln_final(ends) @ self.text_projection
        return features

    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] before the frames are integrated; ``video`` [B,T,3,H,W].

        ``score`` needs the patches too: call the method itself for scores.
        """
        return self.encode_frames_and_patches(video)[0]

    def encode_frames_and_patches(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Frame features [B,T,E] and patch features [B,P,E], averaged over the frames.

        Raises:
            UsageError: The video has another number of frames than the model.
        """
        frames = video.shape[1]
        if frames != self.num_frames:
            raise UsageError(
                f"this {self.title} reads {self.num_frames} frames per video",
                got=f"{frames} frames",
                allowed=f"{self.num_frames}: its frame positions are learned",
                next_step=f"sample {self.num_frames} frames, or train it with {frames}",
            )
        tokens = self.visual.ln_pre(embed(self.visual, video.flatten(0, 1)))  # [B*T,L,D]
        tokens = self.visual.transformer(tokens)
        features = class_feature(self.visual, tokens).unflatten(0, (-1, frames))  # [B,T,E]
        patches = self.prompts_visual_ln(tokens[:, 1:]).unflatten(0, (-1, frames))  # [B,T,P,D]
        if self.shortcuts:
            # The projection is linear: the mean may be taken before it.
            return features, patches.mean(dim=1) @ self.prompts_visual_proj
        return features, (patches @ self.prompts_visual_proj).mean(dim=1)

    def forward(self, video: Tensor, text: Tensor | None = None) -> Tensor:
        """Logits [B,C]; see ``Method``."""
        frames, patches = self.encode_frames_and_patches(video)
        return self.score(frames, self.encode_text() if text is None else text, patches)

    def score(self, frames: Tensor, text: Tensor, patches: Tensor | None = None) -> Tensor:
        """Logits [B,C]: scaled cosine of the video and the texts rewritten for it.

        Args:
            frames: [B,T,E].
            text: [C,E] from ``encode_text``.
            patches: [B,P,E] from ``encode_frames_and_patches``.

        Raises:
            ValueError: ``patches`` are not given.
        """
        if patches is None:
            raise ValueError(
                "X-CLIP scores need patch features: call the method, or give score() what "
                "encode_frames_and_patches() returns"
            )
        video = normalize(self.mit(frames))  # [B,E]
        texts = normalize(text + self.prompts_generator(text, patches))  # [B,C,E]
        similarity = torch.einsum("be,bce->bc", video, texts)  # [B,C]
        return self.logit_scale.exp() * similarity

    def parameter_groups(self) -> list[ParameterGroup]:
        """New parts learn ten times as fast; vectors, biases and positions do not decay.

        Names decide, as in the original: the temperature (no dimension) does decay if trained.
        """
        parameters = dict(self.named_parameters())
        groups: dict[tuple[float, bool], list[str]] = {}
        for name in self.trainable_names():
            scale = _NEW_PARTS_LR if any(part in name for part in _NEW_PARTS) else 1.0
            groups.setdefault((scale, _decays(name, parameters[name])), []).append(name)
        return [
            ParameterGroup(tuple(names), lr_scale=scale, weight_decay=None if decays else 0.0)
            for (scale, decays), names in groups.items()
        ]

    def original_content(self) -> dict[str, Any]:
        """See ``Method``."""
        return content_of(self)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released X-CLIP checkpoint of as many frames; see ``Method``."""
        return load(self, source)

    @torch.no_grad()
    def intermediates(self, video: Tensor) -> dict[str, Tensor]:
        """Features on the way to the scores, by the names that the golden files use."""
        frames, patches = self.encode_frames_and_patches(video)
        text = self.encode_text()
        return {
            "mid.frame_features": frames,
            "mid.img_features": patches,
            "mid.text_features": text,
            "mid.video_features": self.mit(frames),
            "mid.prompts": self.prompts_generator(text, patches),
        }


def _decays(name: str, parameter: Tensor) -> bool:
    exempt = parameter.dim() == 1 or name.endswith(".bias") or "positional_embedding" in name
    return not exempt


def _check(options: Mapping[str, Any]) -> None:
    for option in ("mit_layers", "prompts_layers"):
        if not isinstance(options[option], int) or options[option] < 0:
            raise UsageError(
                f"xclip: {option} must be a whole number", got=options[option], allowed=">= 0"
            )
    if not 0.0 <= float(options["drop_path_rate"]) < 1.0:
        raise UsageError(
            "xclip: drop_path_rate is a probability",
            got=options["drop_path_rate"],
            allowed="0 <= rate < 1",
        )
