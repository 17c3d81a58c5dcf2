"""A5 and A6 of "Prompting Visual-Language Models for Efficient Video Understanding".

Checked against ju-chen/Efficient-Prompt at commit 1f69a18; names are those of its checkpoints: CLIP
whole and frozen under ``clipmodel.``, and three parts that are trained: ``embedding`` (the text
prompts), ``temporalEmbedding`` and ``temporalModelling``. A5 has two temporal layers, A6 three, A4
one; A0 to A3 have none and 2, 4, 8, 16 prompts on either side.

The prompts are one table with a row for each *position* of the text, so the vectors behind a class
name are other ones for a longer name. Rows that no class of the training set reaches stay as they
were drawn, shrunk by the weight decay, and are met by longer names at test time.

Shapes: B videos, T frames, C classes, L tokens of a text (M of them shared), D text width, E joint
width.

It differs from the original in two things, on purpose: frames are RGB (the published feature script
feeds CLIP swapped colours), and CLIP is not rounded to fp16 before it is frozen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn

from bench.clip import causal_mask, end_of_text, normalize, tokenize
from bench.ground.errors import UsageError
from methods.a5.facts import A5_FACTS
from methods.a5.released import content_of, load
from methods.base import KeyReport, Method
from methods.image_tower import run_block

TEMPERATURE = 0.07
"""Divides the cosine; CLIP's own temperature is not used."""
_STD = 0.01
_FRAME_POSITIONS = "temporalEmbedding.weight"
_LAYER = "temporalModelling.resblocks.{}.attn.in_proj_weight"


class TemporalTransformer(nn.Module):
    """Pre-norm blocks over the frames of a video: every frame sees every other.

    Args:
        width: E.
        layers: Number of blocks.
        heads: Attention heads per block.
    """

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        blocks = [ResidualAttentionBlock(width, heads, act_layer=QuickGELU) for _ in range(layers)]
        self.resblocks = nn.Sequential(OrderedDict((str(i), b) for i, b in enumerate(blocks)))

    def forward(self, frames: Tensor) -> Tensor:
        """[B,T,E] -> [B,T,E]."""
        mixed: Tensor = self.resblocks(frames)
        return mixed


class A5(Method, facts=A5_FACTS):
    """See the module's text.

    Options:
        prefix: Learned vectors before the class name, P.
        postfix: Learned vectors behind it, Q.
        temporal_layers: Blocks over the frames; 0: the frame features are averaged.
        temporal_heads: Attention heads of these blocks.
        num_contrast: With more classes than this, a training step compares a batch with its own
            classes and others drawn at random, so many together.

    Attributes:
        cut_text: True: the text tower runs on the tokens up to the last end token (same result).
        share_prefix: True: the prefix, which is the same for all classes, runs once (same result).
    """

    trains_on_features: ClassVar[bool] = True

    token_ids: Tensor
    fixed: Tensor
    eot: Tensor

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        joint = clip.text_projection.shape[1]
        _check(options, joint)
        self.prefix, self.postfix = options["prefix"], options["postfix"]
        self.num_contrast = options["num_contrast"]
        self.clipmodel: Any = clip
        context, width = clip.positional_embedding.shape
        with torch.device(clip.positional_embedding.device):
            self.embedding = nn.Embedding(context, width)
            self.temporalEmbedding = nn.Embedding(num_frames, joint)
            nn.init.normal_(self.embedding.weight, std=_STD)
            nn.init.normal_(self.temporalEmbedding.weight, std=_STD)
            self.temporalModelling = TemporalTransformer(
                joint, options["temporal_layers"], options["temporal_heads"]
            )
        self.cut_text = True
        self.share_prefix = True
        self.set_classes(class_names)
        # Without layers the frame positions are never read.
        frozen = ("clipmodel.",) if options["temporal_layers"] else ("clipmodel.", _FRAME_POSITIONS)
        self.freeze_all_but(n for n, _ in self.named_parameters() if not n.startswith(frozen))

    def set_classes(self, class_names: Sequence[str]) -> None:
        """Lay out another class list: start, prefix, name, postfix, end; the weights stay.

        Raises:
            UsageError: A name is too long to leave room for the prompts.
        """
        self.class_names = tuple(class_names)
        self.prompts = tuple(name.replace("_", " ") for name in class_names)
        context, device = len(self.embedding.weight), self.embedding.weight.device
        ids = tokenize(self.prompts, context_length=context)
        ends = end_of_text(ids)
        self._check_length(ends, context)
        token_ids = torch.zeros_like(ids)
        fixed = torch.zeros_like(ids, dtype=torch.bool)
        for row, end in enumerate(ends.tolist()):
            first = 1 + self.prefix
            places = [0, *range(first, first + end - 1), self.prefix + end + self.postfix]
            token_ids[row, places] = ids[row, : end + 1]
            fixed[row, places] = True
        eot = ends + self.prefix + self.postfix
        self._text_length = int(eot.max()) + 1
        # How the loss sees a batch depends on the number of classes, see ``num_contrast``.
        self.loss_couples_clips = len(self.class_names) > self.num_contrast
        self.register_buffer("token_ids", token_ids.to(device), persistent=False)
        self.register_buffer("fixed", fixed.to(device), persistent=False)
        self.register_buffer("eot", eot.to(device), persistent=False)

    def encode_text(self) -> Tensor:
        """Text features [C,E] before normalisation."""
        clip = self.clipmodel
        length = self._text_length if self.cut_text else self.token_ids.shape[1]
        names = clip.token_embedding(self.token_ids[:, :length])  # [C,L,D]
        tokens = torch.where(
            self.fixed[:, :length, None], names, self.embedding.weight[:length].to(names.dtype)
        )
        tokens = tokens + clip.positional_embedding[:length]  # [C,L,D]
        if self.share_prefix:
            shared = 1 + self.prefix
            tokens = self._run_shared(tokens[:1, :shared], tokens[:, shared:])
            ends = tokens[torch.arange(len(tokens), device=tokens.device), self.eot - shared]
        else:
            tokens = clip.transformer(tokens, attn_mask=clip.attn_mask[:length, :length])
            ends = tokens[torch.arange(len(tokens), device=tokens.device), self.eot]  # [C,D]
        features: Tensor = clip.ln_final(ends) @ clip.text_projection  # [C,E]
        return features

    def _run_shared(self, shared: Tensor, own: Tensor) -> Tensor:
        """The text tower on the tokens [C,L,D] that follow ``shared`` [1,M,D] in every text.

        The attention is causal: what comes first does not depend on what follows, so it is the
        same for all classes, and the others only read it.
        """
        length, first = own.shape[1], shared.shape[1]
        among_shared = causal_mask(first).to(shared)
        mask = torch.cat([causal_mask(length), torch.zeros(length, first)], dim=1).to(own)
        # [L,L+M]
        for block in self.clipmodel.transformer.resblocks:
            before = shared[0]  # [M,D]
            shared = run_block(block, shared, mask=among_shared)
            own = run_block(block, own, before, mask=mask)
        return own

    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] before normalisation; ``video`` [B,T,3,H,W]."""
        features: Tensor = self.clipmodel.visual(video.flatten(0, 1))  # [B*T,E]
        return features.unflatten(0, video.shape[:2])  # [B,T,E]

    def video_features(self, frames: Tensor) -> Tensor:
        """[B,T,E] from ``encode_frames`` -> [B,E], before normalisation.

        Raises:
            UsageError: The video has another number of frames than the model.
        """
        count = frames.shape[1]
        if len(self.temporalModelling.resblocks):
            if count != self.num_frames:
                raise UsageError(
                    f"this {self.title} reads {self.num_frames} frames per video",
                    got=f"{count} frames",
                    allowed=f"{self.num_frames}: its frame positions are learned",
                    next_step=f"sample {self.num_frames} frames, or train it with {count}",
                )
            frames = self.temporalModelling(frames + self.temporalEmbedding.weight)
        return frames.mean(dim=1)

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Logits [B,C]: cosine of video and text over a temperature of its own."""
        return normalize(self.video_features(frames)) @ normalize(text).T / TEMPERATURE

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """Mean cross-entropy, over at most ``num_contrast`` classes in training; see ``Method``."""
        return self.features_loss(self.encode_frames(video), targets, text)

    def features_loss(self, frames: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """``loss`` of what ``encode_frames`` gave; see ``Method``.

        Raises:
            UsageError: Classes have to be left out, and ``targets`` are no class ids.
        """
        text = self.encode_text() if text is None else text
        if self.training and len(text) > self.num_contrast:
            chosen, targets = self._contrast(targets, len(text))
            text = text[chosen]  # [K,E], K classes that are compared
        return nn.functional.cross_entropy(self.score(frames, text).float(), targets)

    def _contrast(self, targets: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """The classes of a batch and random others, and the batch's places among them."""
        if targets.ndim != 1:
            raise UsageError(
                f"{self.title} leaves classes out of its loss and takes no soft targets",
                got=f"{classes} classes, num_contrast = {self.num_contrast}",
                allowed="class ids: label_smoothing = 0 and no mixing",
                next_step="set them to 0 in the recipe, or raise num_contrast",
            )
        present, places = targets.unique(return_inverse=True)
        others = torch.randperm(classes).to(targets.device)
        others = others[~torch.isin(others, present)]
        wanted = max(0, self.num_contrast - len(present))
        return torch.cat([present, others[:wanted]]), places  # [K], [B]

    def original_content(self) -> dict[str, Any]:
        """See ``Method``."""
        return content_of(self)

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released checkpoint of as many frames and layers; see ``Method``."""
        return load(self, source)

    @torch.no_grad()
    def intermediates(self, video: Tensor) -> dict[str, Tensor]:
        """Features on the way to the scores, by the names that the golden files use."""
        frames = self.encode_frames(video)
        return {
            "mid.frame_features": frames,
            "mid.video_features": self.video_features(frames),
            "mid.text_features": self.encode_text(),
        }

    def _check_length(self, ends: Tensor, context: int) -> None:
        room = context - 2 - self.prefix - self.postfix
        longest = int(ends.argmax())
        tokens = int(ends[longest]) - 1
        if tokens > room:
            raise UsageError(
                f"the class name '{self.class_names[longest]}' leaves no room for the prompts",
                got=f"{tokens} tokens, {self.prefix} + {self.postfix} prompts",
                allowed=f"{room} tokens in a text of {context}",
                next_step="shorten the class name, or lower prefix and postfix",
            )


def _check(options: Mapping[str, Any], width: int) -> None:
    for option, least in (
        ("prefix", 0),
        ("postfix", 0),
        ("temporal_layers", 0),
        ("temporal_heads", 1),
        ("num_contrast", 2),
    ):
        value = options[option]
        if not isinstance(value, int) or value < least:
            raise UsageError(
                f"a5: {option} must be a whole number", got=value, allowed=f">= {least}"
            )
    if width % options["temporal_heads"]:
        raise UsageError(
            f"a5: temporal_heads must divide the width of the features, {width}",
            got=options["temporal_heads"],
        )
