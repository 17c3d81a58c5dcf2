"""The parts that X-CLIP adds to CLIP: message tokens, frame integration, video-specific prompts.

Parameter names and start values are the original's (see ``methods/xclip/adapter.py``). Shapes: B
videos, T frames, C classes, P patches, L = P + 1 tokens, D vision width, E joint width.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import LayerNorm, QuickGELU, ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from methods.image_tower import attend, join_heads, run_block, split_heads, take_over

_STD = 0.02


def heads_for(width: int) -> int:
    """Attention heads of width 64, as CLIP has them; fewer where they would not fit."""
    return next(heads for heads in range(max(1, width // 64), 0, -1) if width % heads == 0)


def _start_small(module: nn.Module) -> None:
    """Linear layers from N(0, 0.02^2), cut at +-2, and zero biases."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=_STD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


class TokenDropPath(nn.Module):
    """Drops a residual update for some tokens, the same ones in every sequence.

    The original meant whole samples, but its samples do not lie on the axis it draws for; the
    published results use rate 0.

    Args:
        rate: Probability of dropping.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, update: Tensor) -> Tensor:
        """``update`` [N,L,D], in training with tokens zeroed and the others scaled up."""
        if not self.training or self.rate == 0.0:
            return update
        keep = 1.0 - self.rate
        kept = update.new_empty(1, update.shape[1], 1).bernoulli_(keep)
        return update * (kept / keep)


class CrossFrameBlock(nn.Module):
    """A block of CLIP's image tower whose frames exchange one message token each.

    Args:
        block: CLIP's block; its modules are taken over.
        num_frames: T.
        drop_path: Rate of ``TokenDropPath``.

    Attributes:
        shortcuts: False: the message token runs through the whole attention and its output is
            thrown away (same result, slower).
    """

    ln_1: Any
    ln_2: Any
    ls_1: Any
    ls_2: Any
    attn: Any
    mlp: Any

    def __init__(self, block: Any, num_frames: int, drop_path: float) -> None:
        super().__init__()
        take_over(self, block)
        width = block.attn.embed_dim
        self.num_frames = num_frames
        self.shortcuts = True
        self.drop_path = TokenDropPath(drop_path)
        self.message_fc = nn.Linear(width, width)
        self.message_ln = LayerNorm(width)
        self.message_attn = nn.MultiheadAttention(width, block.attn.num_heads)

    def forward(
        self, q_x: Tensor, k_x: None = None, v_x: None = None, attn_mask: None = None
    ) -> Tensor:
        """Tokens [B*T,L,D] after the block; the signature is that of open_clip's block."""
        message = self.ln_1(self.messages(q_x))
        if self.shortcuts:
            attended = attend(self.attn, self.ln_1(q_x), message)
        else:
            whole = torch.cat([self.ln_1(q_x), message], dim=1)  # [B*T,L+1,D]
            attended = attend(self.attn, whole)[:, :-1]  # [B*T,L,D]
        tokens = q_x + self.drop_path(self.ls_1(attended))
        output: Tensor = tokens + self.drop_path(self.ls_2(self.mlp(self.ln_2(tokens))))
        return output

    def messages(self, tokens: Tensor) -> Tensor:
        """What each frame tells itself of all frames of its video, [B*T,1,D]."""
        messages = self.message_fc(tokens[:, 0]).unflatten(0, (-1, self.num_frames))  # [B,T,D]
        exchanged = attend(self.message_attn, self.message_ln(messages))  # [B,T,D]
        return (messages + self.drop_path(exchanged)).flatten(0, 1)[:, None]  # [B*T,1,D]


class MultiframeIntegration(nn.Module):
    """A small transformer over the frames of a video; its outputs are averaged.

    Args:
        num_frames: T.
        width: E.
        layers: Number of blocks.
    """

    def __init__(self, num_frames: int, width: int, layers: int) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(1, num_frames, width))
        self.resblocks = nn.ModuleList(
            ResidualAttentionBlock(width, heads_for(width), act_layer=QuickGELU)
            for _ in range(layers)
        )
        nn.init.trunc_normal_(self.positional_embedding, std=_STD)
        _start_small(self)

    def forward(self, frames: Tensor) -> Tensor:
        """Video features [B,E] of frame features [B,T,E].

        The frame features are added once more at the end, without their positions.
        """
        tokens = frames + self.positional_embedding
        for block in self.resblocks:
            tokens = run_block(block, tokens)
        return (tokens + frames).mean(dim=1)


class CrossAttention(nn.Module):
    """Classes look at the patches of a video.

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = heads_for(width)
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, text: Tensor, patches: Tensor) -> Tensor:
        """[B,C,E] from ``text`` [B,C,E] or [1,C,E] and ``patches`` [B,P,E]."""
        queries = split_heads(self.q_proj(text), self.heads)  # [B or 1,heads,C,E/heads]
        mixed = scaled_dot_product_attention(
            queries.expand(len(patches), -1, -1, -1),  # [B,heads,C,E/heads]
            split_heads(self.k_proj(patches), self.heads),
            split_heads(self.v_proj(patches), self.heads),
        )
        projected: Tensor = self.proj(join_heads(mixed))
        return projected


class PromptLayer(nn.Module):
    """Cross-attention and MLP of the video-specific prompts (there is no ``norm2``).

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn = CrossAttention(width)
        self.norm3 = nn.LayerNorm(width)
        # The original has a dropout of rate 0 at position 2, hence the names mlp.0 and mlp.3.
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), QuickGELU(), nn.Identity(), nn.Linear(4 * width, width)
        )

    def forward(self, text: Tensor, patches: Tensor) -> Tensor:
        """[B,C,E] from ``text`` [B,C,E] or [1,C,E] and ``patches`` [B,P,E]."""
        text = text + self.cross_attn(self.norm1(text), patches)
        output: Tensor = text + self.mlp(self.norm3(text))
        return output


class VideoSpecificPrompts(nn.Module):
    """What is added to the text features for a given video.

    Args:
        width: E.
        layers: Number of layers.
        alpha: Start value of the scale of each channel.

    Attributes:
        shortcuts: False: the first layer's queries are computed for every video although they
            are the same (same result, slower).
    """

    def __init__(self, width: int, layers: int, alpha: float) -> None:
        super().__init__()
        self.shortcuts = True
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(PromptLayer(width) for _ in range(layers))
        self.alpha = nn.Parameter(torch.full((width,), alpha))
        _start_small(self)

    def forward(self, text: Tensor, patches: Tensor) -> Tensor:
        """Prompts [B,C,E] from text features [C,E] and patch features [B,P,E].

        The text itself is part of the output: it is ``alpha * (text + updates)``.
        """
        patches = self.norm(patches)
        prompts = text[None] if self.shortcuts else text.expand(len(patches), -1, -1)
        # [1 or B,C,E]
        for layer in self.decoder:
            prompts = layer(prompts, patches)
        return self.alpha * prompts
