from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, scaled_dot_product_attention

import methods
from bench.clip import architecture, build_clip
from bench.ground.errors import UsageError
from methods.actionclip.facts import ACTIONCLIP
from methods.actionclip.fusion import FUSIONS, build_fusion
from tests.places import GOLDENS

GOLDEN = GOLDENS / "actionclip" / "heads.safetensors"
WIDTH, FRAMES = 64, 8


def widths(joint: int = WIDTH, text: int = 64) -> Any:
    """What a head reads of a CLIP."""
    return SimpleNamespace(
        text_projection=torch.zeros(text, joint),
        positional_embedding=torch.zeros(77, text),
        ln_final=SimpleNamespace(weight=torch.zeros(text)),
    )


def head(name: str, seed: int = 0) -> Any:
    """A head with weights far from their start."""
    torch.manual_seed(seed)
    made = build_fusion(name, widths(), FRAMES).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def frames(batch: int = 3, length: int = FRAMES) -> Tensor:
    return torch.randn(batch, length, WIDTH, generator=torch.Generator().manual_seed(1))


def attention(weights: dict[str, Tensor], name: str, x: Tensor, heads: int) -> Tensor:
    projected = linear(x, weights[f"{name}.in_proj_weight"], weights[f"{name}.in_proj_bias"])
    query, key, value = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in projected.chunk(3, dim=-1)
    )
    mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    return linear(mixed, weights[f"{name}.out_proj.weight"], weights[f"{name}.out_proj.bias"])


def norm(weights: dict[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps=eps)


def dense(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


@pytest.mark.parametrize("name", ["LSTM", "Conv_1D"])
def test_outputs_of_the_original(name: str) -> None:
    golden = load_file(GOLDEN)
    made = build_fusion(name, widths(), FRAMES)
    prefix = f"sd.{name}."
    weights = {k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)}
    missing = made.load_state_dict(weights, strict=False)
    assert missing == (list(made.unread), [])
    with torch.no_grad():
        assert torch.allclose(made(golden["input.x"]), golden[f"out.{name}"], atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("length", [3, FRAMES])
def test_transf_written_out(scale: float, length: int) -> None:
    """Small inputs tell the epsilon of its norms from the usual one."""
    made = head("Transf")
    with torch.no_grad():
        made.frame_position_embeddings.weight.mul_(scale)
    weights = dict(made.state_dict())
    x = scale * frames(length=length)
    h = x + weights["frame_position_embeddings.weight"][:length]
    for layer in range(6):
        block = f"transformer.resblocks.{layer}"
        h = h + attention(weights, f"{block}.attn", norm(weights, f"{block}.ln_1", h, 1e-12), 1)
        inner = dense(weights, f"{block}.mlp.c_fc", norm(weights, f"{block}.ln_2", h, 1e-12))
        h = h + dense(weights, f"{block}.mlp.c_proj", inner * torch.sigmoid(1.702 * inner))
    with torch.no_grad():
        assert torch.allclose(made(x), (h + x).mean(dim=1), atol=1e-4)


def test_transf_cls_written_out() -> None:
    made = head("Transf_cls")
    weights = dict(made.state_dict())
    x = frames()
    first = weights["transformer.cls_token"].expand(len(x), -1, -1)
    h = torch.cat([first, x], dim=1) + weights["transformer.pos_embed"]
    for layer in range(6):
        block = f"transformer.transformer_enc.layers.{layer}"
        mixed = attention(weights, f"{block}.self_attn", h, 8)
        h = norm(weights, f"{block}.norm1", h + mixed, 1e-5)
        inner = dense(weights, f"{block}.linear2", dense(weights, f"{block}.linear1", h).relu())
        h = norm(weights, f"{block}.norm2", h + inner, 1e-5)
    expected = norm(weights, "transformer.transformer_enc.norm", h, 1e-5)[:, 0]
    with torch.no_grad():
        assert torch.allclose(made(x), expected, atol=1e-4)


def test_mean_is_the_mean() -> None:
    assert torch.equal(head("meanP")(frames()), frames().mean(dim=1))


def test_conv_starts_as_a_shift_in_time() -> None:
    made: Any = build_fusion("Conv_1D", widths(), FRAMES)
    taps = made.shift.weight[:, 0].argmax(dim=1).tolist()
    assert taps == [0] * 16 + [1] * 32 + [2] * 16
    assert made.shift.weight.sum() == WIDTH


@pytest.mark.parametrize(
    ("name", "spread"),
    [
        ("frame_position_embeddings.weight", 0.02),
        ("transformer.resblocks.0.attn.in_proj_weight", 0.03125),
        ("transformer.resblocks.5.attn.out_proj.weight", 0.02),
        ("transformer.resblocks.3.mlp.c_fc.weight", 0.02),
        ("transformer.resblocks.3.mlp.c_proj.weight", 0.02),
        ("transformer.resblocks.1.attn.in_proj_bias", 0.0),
        ("transformer.resblocks.1.mlp.c_fc.bias", 0.0),
        ("transformer.resblocks.1.ln_1.bias", 0.0),
    ],
)
def test_start_of_transf(name: str, spread: float, transf: nn.Module) -> None:
    value = transf.state_dict()[name]
    assert abs(float(value.mean())) <= 0.05 * spread
    assert float(value.std()) == pytest.approx(spread, rel=0.02)


@pytest.fixture(scope="module")
def transf() -> nn.Module:
    torch.manual_seed(0)
    return build_fusion("Transf", widths(512, 512), 32)


def test_start_of_transf_cls() -> None:
    torch.manual_seed(0)
    weights = build_fusion("Transf_cls", widths(), FRAMES).state_dict()
    layers = "transformer.transformer_enc.layers"
    first = weights[f"{layers}.0.self_attn.in_proj_weight"]
    assert torch.equal(first, weights[f"{layers}.5.self_attn.in_proj_weight"])
    assert not torch.equal(
        weights[f"{layers}.0.linear1.weight"], weights[f"{layers}.5.linear1.weight"]
    )
    assert float(weights[f"{layers}.0.linear1.weight"].abs().max()) <= 0.04
    assert float(weights["transformer.pos_embed"].abs().max()) <= 0.04


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Transf", 18_953_728),
        ("meanP", 0),
        ("Transf_cls", 18_972_160),
        ("LSTM", 2_140_672),
        ("Conv_1D", 40_960),
    ],
)
def test_parameters_at_full_size(name: str, count: int) -> None:
    """Counts of the original code at ViT-B/16 with 32 frames."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method = methods.create(
        "actionclip", clip=clip, class_names=("eat",), num_frames=32, fusion=name
    )
    assert sum(p.numel() for p in method.fusion.parameters()) == count
    assert sum(p.numel() for p in method.parameters()) == 149_620_737 + count


def test_bad_choices_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        build_fusion("Transff", widths(), FRAMES)
    assert str(caught.value).startswith(
        "unknown fusion of actionclip 'Transff'; did you mean 'Transf'?"
    )
    with pytest.raises(UsageError, match="Transf has too few frame positions"):
        build_fusion("Transf", widths(), 78)
    with pytest.raises(UsageError, match="Transf_cls does not fit this backbone: 8 attention"):
        build_fusion("Transf_cls", widths(joint=36), FRAMES)
    with pytest.raises(UsageError, match="with Transf_cls reads 8 frames per video"):
        head("Transf_cls")(frames(length=4))
    assert tuple(FUSIONS) == ACTIONCLIP.choices["fusion"]
