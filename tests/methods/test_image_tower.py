from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import methods
from bench.clip import build_clip
from bench.ground.errors import UsageError
from methods.image_tower import attend, class_feature, embed, run_block
from tests.tiny_clip import CONFIG, tiny_clip


def _attention() -> nn.MultiheadAttention:
    torch.manual_seed(3)
    attn = nn.MultiheadAttention(16, 4, batch_first=True)
    nn.init.normal_(attn.in_proj_bias)
    return attn


@pytest.mark.parametrize("shape", [(2, 16), (3, 2, 16)])
@pytest.mark.parametrize("queries", [None, 1, 2])
def test_tokens_that_are_only_read_need_no_queries(
    shape: tuple[int, ...], queries: int | None
) -> None:
    attn = _attention()
    tokens, read = torch.randn(3, 5, 16), torch.randn(shape)
    whole = torch.cat([tokens, read.expand(3, -1, -1)], dim=1)
    wanted = attn(whole, whole, whole, need_weights=False)[0][:, : queries or 5]
    assert torch.allclose(attend(attn, tokens, read, queries=queries), wanted, atol=1e-6)


def test_mask_is_the_attention_mask_of_torch() -> None:
    attn = _attention()
    tokens = torch.randn(2, 5, 16)
    mask = torch.full((5, 5), float("-inf")).triu_(1)
    wanted = attn(tokens, tokens, tokens, need_weights=False, attn_mask=mask)[0]
    assert torch.allclose(attend(attn, tokens, mask=mask), wanted, atol=1e-6)


def test_the_parts_together_are_the_tower() -> None:
    visual: Any = tiny_clip().visual
    frames = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        tokens = visual.ln_pre(embed(visual, frames))
        for block in visual.transformer.resblocks:
            tokens = run_block(block, tokens)
        assert torch.allclose(class_feature(visual, tokens), visual(frames), atol=1e-5)


@pytest.mark.parametrize(
    ("vision", "why"),
    [
        ({"pool_type": "avg"}, "its feature is not the class token's"),
        (
            {"attentional_pool": True, "attn_pooler_heads": 2},
            "its feature is not the class token's",
        ),
        ({"block_type": "custom"}, "its blocks are not CLIP's residual attention blocks"),
    ],
)
@pytest.mark.parametrize(
    ("name", "title"), [("xclip", "X-CLIP"), ("vl-prompting", "ViFi-CLIP + VL prompting")]
)
def test_other_towers_are_refused(vision: dict[str, Any], why: str, name: str, title: str) -> None:
    config = {**CONFIG, "vision_cfg": {**CONFIG["vision_cfg"], **vision}}
    clip = build_clip(config, quick_gelu=True, device="meta")
    with pytest.raises(UsageError) as error:
        methods.create(name, clip=clip, class_names=["eat"], num_frames=4)
    assert str(error.value) == (
        f"{title} cannot be built on this image tower: {why}\n"
        "  allowed: CLIP's vision transformer, for example ViT-B-16, ViT-B-32, ViT-L-14\n"
        "  next:    choose another model in backbone.model"
    )
