"""CLIP's image tower taken apart, for methods that put tokens of their own into it.

Shapes: N sequences (frames), L tokens (class token first, then patches), M added tokens, D width.
Tokens that are only *read* by the others (their own output is thrown away) need keys and values
but no query, no output row and no MLP: ``attend(attn, tokens, added)``. That is exact.
"""

from __future__ import annotations

from typing import Any

import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from bench.ground.errors import UsageError


def require_plain(visual: nn.Module, title: str) -> None:
    """Check that a tower is CLIP's own vision transformer.

    Args:
        visual: The image tower of an open_clip ``CLIP``.
        title: The method that needs it, for the error.

    Raises:
        UsageError: It pools or attends in another way.
    """
    if not isinstance(visual, VisionTransformer):
        why = f"it is a {type(visual).__name__}"
    elif visual.attn_pool is not None or visual.pool_type != "tok" or visual.final_ln_after_pool:
        why = "its feature is not the class token's"
    elif visual.proj is None:
        why = "it has no projection to the joint space"
    elif not all(
        isinstance(block, ResidualAttentionBlock) for block in visual.transformer.resblocks
    ):
        why = "its blocks are not CLIP's residual attention blocks"
    else:
        return
    raise UsageError(
        f"{title} cannot be built on this image tower: {why}",
        allowed="CLIP's vision transformer, for example ViT-B-16, ViT-B-32, ViT-L-14",
        next_step="choose another model in backbone.model",
    )


def take_over(module: nn.Module, source: nn.Module) -> None:
    """Give ``module`` the sub-modules and parameters of ``source``, under the same names."""
    for name, parameter in source.named_parameters(recurse=False):
        module.register_parameter(name, parameter)
    for name, child in source.named_children():
        module.add_module(name, child)


def embed(visual: Any, frames: Tensor) -> Tensor:
    """Tokens [N,L,D] of ``frames`` [N,3,H,W] with their positions, before ``ln_pre``."""
    patches = visual.conv1(frames).flatten(2).transpose(1, 2)  # [N,L-1,D]
    first = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)  # [N,1,D]
    tokens = torch.cat([first, patches], dim=1) + visual.positional_embedding.to(patches.dtype)
    # [N,L,D]
    dropped: Tensor = visual.patch_dropout(tokens)
    return dropped


def attend(
    attn: nn.MultiheadAttention,
    tokens: Tensor,
    read: Tensor | None = None,
    *,
    queries: int | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Self-attention whose tokens also read others; as ``attn`` would, without its unused rows.

    Args:
        attn: Its weights; dropout is not supported.
        tokens: [N,L,D], what is asked for.
        read: [N,M,D] or [M,D]: tokens that give keys and values only.
        queries: Only the first ``queries`` tokens ask; None: all L.
        mask: Added to the attention scores, [L,L].

    Returns:
        [N,queries,D].
    """
    weight, bias = attn.in_proj_weight, attn.in_proj_bias
    width = attn.embed_dim
    if queries is None:
        query, keys, values = linear(tokens, weight, bias).chunk(3, dim=-1)  # each [N,L,D]
    else:
        query = linear(tokens[:, :queries], weight[:width], bias[:width])  # [N,queries,D]
        keys, values = linear(tokens, weight[width:], bias[width:]).chunk(2, dim=-1)
    if read is not None:
        extra = linear(read, weight[width:], bias[width:]).expand(len(tokens), -1, -1)  # [N,M,2D]
        more_keys, more_values = extra.chunk(2, dim=-1)  # each [N,M,D]
        keys = torch.cat([keys, more_keys], dim=1)  # [N,L+M,D]
        values = torch.cat([values, more_values], dim=1)  # [N,L+M,D]
    heads = attn.num_heads
    mixed = scaled_dot_product_attention(
        split_heads(query, heads), split_heads(keys, heads), split_heads(values, heads), mask
    )
    projected: Tensor = attn.out_proj(join_heads(mixed))
    return projected


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """[N,L,D] -> [N,heads,L,D/heads]."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)  # [N,heads,L,D/heads]


def join_heads(tokens: Tensor) -> Tensor:
    """[N,heads,L,D/heads] -> [N,L,D]."""
    return tokens.transpose(1, 2).flatten(2)  # [N,L,D]


def run_block(
    block: Any,
    tokens: Tensor,
    read: Tensor | None = None,
    *,
    queries: int | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """One residual attention block of CLIP.

    Args:
        block: Has ``ln_1``, ``attn``, ``ls_1``, ``ln_2``, ``mlp`` and ``ls_2``.
        tokens: [N,L,D].
        read: [N,M,D] or [M,D], not yet through ``ln_1``; see ``attend``.
        queries: Only the first ``queries`` tokens are computed; None: all L.
        mask: Added to the attention scores, [L,L].

    Returns:
        [N,queries,D].
    """
    added = None if read is None else block.ln_1(read)
    attended = attend(block.attn, block.ln_1(tokens), added, queries=queries, mask=mask)
    tokens = tokens[:, :queries] + block.ls_1(attended)
    output: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return output


def class_feature(visual: Any, tokens: Tensor) -> Tensor:
    """Features [N,E] in the joint space, from the class token of the last block's [N,L,D]."""
    feature: Tensor = visual.ln_post(tokens[:, 0]) @ visual.proj
    return feature
