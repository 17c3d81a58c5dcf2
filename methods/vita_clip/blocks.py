"""Vita-CLIP's image tower: CLIP's frozen blocks, in which three kinds of prompts are read.

Parameter names and start values are the original's (see ``methods/vita_clip/adapter.py``).
Shapes: B videos, T frames, N = B * T, L = P + 1 tokens (class token first), G global prompts, D
width, E joint width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from open_clip.transformer import LayerNorm
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from methods.image_tower import join_heads, split_heads

_STD = 0.02


def prompt_bound(patch_size: int, width: int) -> float:
    """Prompts start from the uniform distribution within plus and minus this."""
    return math.sqrt(6.0 / (3 * patch_size**2 + width))


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A layer that holds copies of these values; draws nothing."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.detach().clone())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer


class VitaAttention(nn.Module):
    """Multi-head attention with separate projections.

    Args:
        width: D.
        heads: Number of heads.
        source: CLIP's attention whose weights are taken; None: Xavier-uniform weights, zero biases.

    Attributes:
        fused: False: scores and their softmax are written out (same result, slower).
    """

    def __init__(self, width: int, heads: int, source: nn.MultiheadAttention | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.fused = True
        if source is None:
            self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
                nn.Linear(width, width) for _ in range(4)
            )
            for layer in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
            return
        weights = source.in_proj_weight.chunk(3)
        biases = source.in_proj_bias.chunk(3)
        self.q_proj, self.k_proj, self.v_proj = map(_linear, weights, biases)
        self.out_proj = _linear(source.out_proj.weight, source.out_proj.bias)

    def keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What the tokens [...,D] offer to be read."""
        return self.k_proj(tokens), self.v_proj(tokens)

    def read(self, asking: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """[N,Q,D]: what the tokens [N,Q,D] read from keys and values [N,M,D]."""
        query, key, value = (
            split_heads(tokens, self.heads) for tokens in (self.q_proj(asking), keys, values)
        )
        if self.fused:
            mixed = scaled_dot_product_attention(query, key, value)
        else:
            scores = (query @ key.transpose(-2, -1)) / math.sqrt(query.shape[-1])  # [N,heads,Q,M]
            mixed = scores.softmax(dim=-1) @ value
        projected: Tensor = self.out_proj(join_heads(mixed))
        return projected

    def forward(self, tokens: Tensor) -> Tensor:
        """Self-attention of [N,L,D]."""
        return self.read(tokens, *self.keys_and_values(tokens))


class VitaMlp(nn.Module):
    """CLIP's MLP under the names ``fc1`` and ``fc2``."""

    def __init__(self, mlp: Any) -> None:
        super().__init__()
        self.fc1: nn.Linear = mlp.c_fc
        self.act: nn.Module = mlp.gelu
        self.fc2: nn.Linear = mlp.c_proj

    def forward(self, tokens: Tensor) -> Tensor:
        """[...,D]."""
        output: Tensor = self.fc2(self.act(self.fc1(tokens)))
        return output


class VitaBlock(nn.Module):
    """A block of CLIP whose tokens also read prompts; no prompt survives its block.

    Args:
        block: CLIP's block; its weights are taken.
        num_frames: T.
        bound: Start of the local prompts, see ``prompt_bound``.
        summary: Whether each frame gets a token that has seen the class tokens of all frames.
        local: Whether each frame reads a prompt of every frame of its video.

    Attributes:
        shortcuts: False: prompts run through the block like other tokens and are dropped after
            the attention (global ones after the MLP), as in the original (same result, slower).
    """

    def __init__(
        self, block: Any, num_frames: int, bound: float, *, summary: bool, local: bool
    ) -> None:
        super().__init__()
        width, heads = block.attn.embed_dim, block.attn.num_heads
        self.shortcuts = True
        self.norm1: nn.Module = block.ln_1
        self.attn = VitaAttention(width, heads, block.attn)
        self.ls_1: nn.Module = block.ls_1
        self.norm2: nn.Module = block.ln_2
        self.mlp = VitaMlp(block.mlp)
        self.ls_2: nn.Module = block.ls_2
        self.summary, self.local = summary, local
        if summary or local:
            self.cls_proj = nn.Linear(width, width)
        if summary:
            self.summary_ln = LayerNorm(width)
            self.summary_attn_layer = VitaAttention(width, heads)
        if local:
            start = torch.empty(1, num_frames, width).uniform_(-bound, bound)
            self.local_prompts = nn.Parameter(start)

    def forward(
        self, tokens: Tensor, frames: int, prompts: Tensor | None, queries: int | None = None
    ) -> Tensor:
        """Tokens [N,L,D] after the block.

        Args:
            tokens: [N,L,D], the frames of a video side by side.
            frames: T.
            prompts: Global prompts [G,D], or None.
            queries: Only the first ``queries`` tokens are computed; None: all L. Has no effect
                without ``shortcuts``.
        """
        local, summary = self.temporal_prompts(tokens[:, 0], frames)
        if not self.shortcuts:
            return self._whole(tokens, local, prompts, summary, frames)
        asking = self.norm1(tokens)
        offered = [self.attn.keys_and_values(asking)]
        for read, repeats in ((local, frames), (summary, 1)):
            if read is not None:
                keys, values = self.attn.keys_and_values(self.norm1(read))
                offered.append(
                    (keys.repeat_interleave(repeats, 0), values.repeat_interleave(repeats, 0))
                )
        if prompts is not None:
            keys, values = self.attn.keys_and_values(self.norm1(prompts))
            count = len(tokens)
            offered.append((keys.expand(count, -1, -1), values.expand(count, -1, -1)))  # [N,G,D]
        # [N,L+M,D], M: all prompts that are read
        keys, values = (torch.cat(parts, dim=1) for parts in zip(*offered, strict=True))
        tokens = tokens[:, :queries] + self.ls_1(self.attn.read(asking[:, :queries], keys, values))
        output: Tensor = tokens + self.ls_2(self.mlp(self.norm2(tokens)))
        return output

    def temporal_prompts(self, first: Tensor, frames: int) -> tuple[Tensor | None, Tensor | None]:
        """Local prompts [B,T,D], for all frames of a video, and summary tokens [N,1,D].

        Args:
            first: Class tokens [N,D] at the input of the block.
            frames: T.
        """
        if not (self.summary or self.local):
            return None, None
        classes = self.cls_proj(first).unflatten(0, (-1, frames))  # [B,T,D]
        local = self.local_prompts + classes if self.local else None  # [B,T,D]
        if not self.summary:
            return local, None
        seen = classes + self.summary_attn_layer(self.summary_ln(classes))  # [B,T,D]
        return local, seen.flatten(0, 1)[:, None]  # [B,T,D], [N,1,D]

    def _whole(
        self,
        tokens: Tensor,
        local: Tensor | None,
        prompts: Tensor | None,
        summary: Tensor | None,
        frames: int,
    ) -> Tensor:
        """All tokens through the block, in the order class, local, global, patches, summary."""
        count, length = tokens.shape[:2]
        parts = [tokens[:, :1]]
        if local is not None:
            parts.append(local.repeat_interleave(frames, 0))
        if prompts is not None:
            parts.append(prompts.to(tokens.dtype).expand(count, -1, -1))  # [N,G,D]
        parts.append(tokens[:, 1:])
        if summary is not None:
            parts.append(summary)
        inside = torch.cat(parts, dim=1)  # [N,1+T+G+P+1,D], each kind if there
        inside = inside + self.ls_1(self.attn(self.norm1(inside)))
        if summary is not None:
            inside = inside[:, :-1]
        if local is not None:
            # [N,1+G+P,D]: without the T local prompts
            inside = torch.cat([inside[:, :1], inside[:, 1 + frames :]], dim=1)
        inside = inside + self.ls_2(self.mlp(self.norm2(inside)))
        patches = inside[:, inside.shape[1] - (length - 1) :]  # [N,P,D]
        return torch.cat([inside[:, :1], patches], dim=1)  # [N,L,D]


class PatchEmbedding(nn.Module):
    """CLIP's patch embedding with a bias, which starts at zero.

    Args:
        conv: CLIP's ``conv1``.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        size: Any = conv.kernel_size
        self.proj = nn.Conv2d(conv.in_channels, conv.out_channels, size, stride=size, device="meta")
        self.proj.weight = conv.weight
        self.proj.bias = nn.Parameter(conv.weight.new_zeros(conv.out_channels))

    def forward(self, frames: Tensor) -> Tensor:
        """Patches [N,P,D] of ``frames`` [N,3,H,W], row by row."""
        patches: Tensor = self.proj(frames).flatten(2).transpose(1, 2)  # [N,P,D]
        return patches


class VitaImageTower(nn.Module):
    """CLIP's image tower with a position for every frame and prompts in every block.

    Args:
        visual: CLIP's image tower; its weights are taken.
        num_frames: T.
        num_global: G; 0: no global prompts.
        local: Whether there are local prompts.
        summary: Whether there are summary tokens.
    """

    def __init__(
        self, visual: Any, num_frames: int, num_global: int, *, local: bool, summary: bool
    ) -> None:
        super().__init__()
        width = len(visual.class_embedding)
        blocks = visual.transformer.resblocks
        bound = prompt_bound(visual.conv1.kernel_size[0], width)
        self.cls_token: nn.Parameter = visual.class_embedding
        self.pos_embed: nn.Parameter = visual.positional_embedding
        self.time_embed = nn.Parameter(torch.empty(num_frames, width).normal_(std=_STD))
        self.proj: nn.Parameter = visual.proj
        if num_global:
            start = torch.empty(len(blocks), num_global, width).uniform_(-bound, bound)
            self.global_prompts = nn.Parameter(start)
        self.patch_embed = PatchEmbedding(visual.conv1)
        self.ln_pre: nn.Module = visual.ln_pre
        self.blocks = nn.ModuleList(
            VitaBlock(block, num_frames, bound, summary=summary, local=local) for block in blocks
        )
        self.ln_post: nn.Module = visual.ln_post
        self.shortcuts = True

    def forward(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] of ``video`` [B,T,3,H,W]."""
        frames = video.shape[1]
        patches = self.patch_embed(video.flatten(0, 1))  # [N,P,D]
        first = self.cls_token.to(patches.dtype).expand(len(patches), 1, -1)  # [N,1,D]
        tokens = torch.cat([first, patches], dim=1) + self.pos_embed.to(patches.dtype)  # [N,L,D]
        # [T,1,D] beside [B,T,L,D]: one position for all tokens of a frame.
        times = self.time_embed[:, None].to(patches.dtype)
        tokens = self.ln_pre((tokens.unflatten(0, (-1, frames)) + times).flatten(0, 1))  # [N,L,D]
        prompts = getattr(self, "global_prompts", None)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            # A copy: torch's counter of operations does not take a view of a parameter.
            own = None if prompts is None else prompts[index].clone()
            queries = 1 if self.shortcuts and index == last else None
            tokens = block(tokens, frames, own, queries)
        features: Tensor = self.ln_post(tokens[:, 0]) @ self.proj  # [N,E]
        return features.unflatten(0, (-1, frames))  # [B,T,E]
