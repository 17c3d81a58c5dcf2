"""VL prompting ("bridge and prompt"): learned tokens in both frozen towers of a ViFi-CLIP.

Shapes: N frames, C classes, L tokens, M image prompts, n text prompts, D width, E joint width.

Checked against muzairkhattak/ViFi-CLIP at commit e2d1948 (PROMPT_MODEL=True); names are those of
its checkpoints. It differs in two things, on purpose: the original rounds the vision and the deep
text prompts to fp16 in every forward pass (in fp32 that moves scores by up to 4e-3), here they keep
the precision of the tokens; and the original loads any checkpoint whatever it lacks, here either
all prompts may be missing (a ViFi-CLIP to start from) or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.clip import tokenize
from bench.ground.errors import UsageError
from methods.base import KeyReport
from methods.image_tower import class_feature, embed, require_plain, run_block, take_over
from methods.vifi.family import VifiFamily
from methods.vl_prompting.facts import VL_PROMPTING
from methods.vl_prompting.released import load

_PROMPTS = r"prompt_learner\.ctx|(image|text)_encoder\.(.*\.)?VPT(_shallow)?"
_STD = 0.02
_MAX_WORDS = 4
"""Up to so many text prompts start as the words of ``ctx_init``; more start at random."""


def _random_prompts(count: int, like: Tensor) -> nn.Parameter:
    """``count`` tokens of the width of ``like`` [...,D], drawn from N(0, 0.02^2)."""
    return nn.Parameter(like.new_empty(count, like.shape[-1]).normal_(std=_STD))


class PromptedImageTower(nn.Module):
    """CLIP's image tower with prompts behind the patches, renewed before the first blocks.

    Prompts are appended after the positions were added and before ``ln_pre``. Before the blocks
    1 .. depth-1 they are replaced by prompts of the block's own; from there on they flow through.

    Args:
        visual: CLIP's image tower; its modules are taken over.
        count: Prompts per block.
        depth: Blocks that get prompts of their own, the first included; 0: none at all.

    Attributes:
        shortcuts: False: prompts that the next block replaces are computed to the end, and all
            tokens of the last block (same result, slower).
    """

    ln_pre: Any
    transformer: Any

    def __init__(self, visual: Any, count: int, depth: int) -> None:
        super().__init__()
        take_over(self, visual)
        self.depth = depth
        self.shortcuts = True
        if depth:
            self.VPT = _random_prompts(count, visual.class_embedding)
        for block in self.transformer.resblocks[1:depth]:
            block.VPT_shallow = _random_prompts(count, visual.class_embedding)

    def forward(self, frames: Tensor) -> Tensor:
        """Features [N,E] of ``frames`` [N,3,H,W]."""
        tokens: Tensor = embed(self, frames)
        prompts: Tensor | None = None
        if self.depth:
            prompts = self.ln_pre(self.VPT.to(tokens.dtype))
        tokens = self.ln_pre(tokens)
        last = len(self.transformer.resblocks) - 1
        for index, block in enumerate(self.transformer.resblocks):
            if 0 < index < self.depth:
                prompts = block.VPT_shallow.to(tokens.dtype)
            if self.shortcuts and index == last:
                tokens = run_block(block, tokens, prompts, queries=1)
            elif self.shortcuts and index + 1 < self.depth:
                tokens = run_block(block, tokens, prompts)
            else:
                tokens, prompts = _whole_block(block, tokens, prompts)
        return class_feature(self, tokens)


def _whole_block(
    block: nn.Module, tokens: Tensor, prompts: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """A block on tokens [N,L,D] and prompts [N,M,D] or [M,D]; both come out."""
    if prompts is None:
        return run_block(block, tokens), None
    length = tokens.shape[1]
    together = torch.cat([tokens, prompts.expand(len(tokens), -1, -1)], dim=1)  # [N,L+M,D]
    output = run_block(block, together)
    return output[:, :length], output[:, length:]


class PromptedTextBlock(nn.Module):
    """A block of the text tower that replaces the tokens after the first by its own prompts.

    Args:
        block: CLIP's block; its modules are taken over.
        prompts: [n,D].
    """

    def __init__(self, block: nn.Module, prompts: nn.Parameter) -> None:
        super().__init__()
        take_over(self, block)
        self.VPT_shallow = prompts

    def forward(
        self, q_x: Tensor, k_x: None = None, v_x: None = None, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Tokens [C,L,D] after the block; the signature is that of open_clip's block."""
        tokens = insert_after_first(q_x, self.VPT_shallow.to(q_x.dtype))
        mask = None if attn_mask is None else attn_mask.to(q_x.dtype)
        return run_block(self, tokens, mask=mask)


def insert_after_first(tokens: Tensor, prompts: Tensor) -> Tensor:
    """``tokens`` [C,L,D] with positions 1..n replaced by ``prompts`` [n,D]."""
    shared = prompts.expand(len(tokens), -1, -1)  # [C,n,D]
    return torch.cat([tokens[:, :1], shared, tokens[:, 1 + len(prompts) :]], dim=1)  # [C,L,D]


class PromptLearner(nn.Module):
    """Holds the text prompts of the input, ``ctx`` [n,D]."""

    def __init__(self, ctx: nn.Parameter) -> None:
        super().__init__()
        self.ctx = ctx


class VlPrompting(VifiFamily, facts=VL_PROMPTING):
    """Only the prompts are trained; scores are ViFi-CLIP's.

    Options:
        n_ctx_vision: Prompts among the image tokens.
        n_ctx_text: Prompts among the text tokens, shared by all classes.
        prompt_depth_vision: Blocks with vision prompts of their own; 0: no vision prompts; None:
            all blocks.
        prompt_depth_text: Blocks with text prompts of their own, at least 1; None: all blocks.
        ctx_init: Words that the text prompts start from if there are at most four prompts; with
            more, or with "", the start is random and the placeholder words are "X X ...".
    """

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        count = _positive("n_ctx_text", options["n_ctx_text"])
        words = str(options["ctx_init"]).replace("_", " ").strip()
        self._from_words = bool(words) and count <= _MAX_WORDS
        # Needed by ``prompt``, which the base class calls when it is made.
        self._context = words if self._from_words else " ".join(["X"] * count)
        require_plain(clip.visual, self.title)
        super().__init__(clip, class_names, num_frames)
        self.prompt_learner = PromptLearner(self._initial_context(count))
        self._put_into_image_tower(options)
        self._put_into_text_tower(count, options["prompt_depth_text"])
        self.freeze_all_but(name for name, _ in self.named_parameters() if _is_prompt(name))

    def prompt(self, class_name: str) -> str:
        """The placeholder words and the class name, "_" as a blank."""
        return f"{self._context} {class_name.replace('_', ' ')}."

    def encode_text(self) -> Tensor:
        """Text features [C,E] before normalisation."""
        length = self._text_length if self.cut_text else self.token_embeddings.shape[1]
        ctx = self.prompt_learner.ctx.to(self.token_embeddings.dtype)
        embeddings = insert_after_first(self.token_embeddings[:, :length], ctx)
        features: Tensor = self.text_encoder(embeddings, self.eot)
        return features

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load a released prompting checkpoint, or a ViFi-CLIP one to start from; see ``Method``.

        A checkpoint with no prompt at all leaves the prompts as they are and the report names them
        as missing; one that has prompts must have all of them.
        """
        return load(self, source, prompts=_PROMPTS)

    def _initial_context(self, count: int) -> nn.Parameter:
        like = self.text_encoder.positional_embedding.detach()
        if not self._from_words:
            return _random_prompts(count, like)
        ids = tokenize([self._context], context_length=len(like))[0]
        words = int(ids.argmax()) - 1
        if count > words:
            raise UsageError(
                f"'{self._context}' has {words} tokens, too few for {count} text prompts",
                got=f"n_ctx_text = {count}",
                allowed=f"n_ctx_text <= {words}, or ctx_init = '' for a random start",
            )
        rows = ids[1 : 1 + count].to(self._token_table.device)
        return nn.Parameter(self._token_table[rows].to(like.device, copy=True))

    def _put_into_image_tower(self, options: Mapping[str, Any]) -> None:
        visual: Any = self.image_encoder
        layers = len(visual.transformer.resblocks)
        depth = _depth("prompt_depth_vision", options["prompt_depth_vision"], 0, layers)
        count = _positive("n_ctx_vision", options["n_ctx_vision"]) if depth else 0
        self.image_encoder = PromptedImageTower(visual, count, depth)

    def _put_into_text_tower(self, count: int, wanted: int | None) -> None:
        blocks: Any = self.text_encoder.transformer.resblocks
        depth = _depth("prompt_depth_text", wanted, 1, len(blocks))
        for index in range(1, depth):
            prompts = _random_prompts(count, self.text_encoder.positional_embedding)
            blocks[index] = PromptedTextBlock(blocks[index], prompts)


def _is_prompt(name: str) -> bool:
    return re.fullmatch(_PROMPTS, name) is not None


def _positive(option: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise UsageError(
            f"vl-prompting: {option} must be a whole number", got=value, allowed=">= 1"
        )
    return value


def _depth(option: str, value: Any, least: int, layers: int) -> int:
    if value is None:
        return layers
    if not isinstance(value, int) or not least <= value <= layers:
        raise UsageError(
            f"vl-prompting: {option} does not fit a tower of {layers} blocks",
            got=value,
            allowed=f"{least} to {layers}, or None for all",
        )
    return value
