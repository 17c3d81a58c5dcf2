"""State dicts in what training tools put around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.clip.weights import state_dict_of
from bench.clip.wrappers import unwrap
from bench.ground.errors import WeightsError
from methods.checkpoints.released import load_checked
from tests.tiny_clip import tiny_clip

STATE: dict[str, Tensor] = dict(tiny_clip().state_dict())


def named(rename: Callable[[str], str]) -> dict[str, Tensor]:
    return {rename(name): value for name, value in STATE.items()}


def in_front(prefix: str) -> dict[str, Tensor]:
    return named(lambda name: prefix + name)


def compiled_parts(name: str) -> str:
    return name.replace("visual.", "visual._orig_mod.")


def two_towers(name: str) -> str:
    return name if name.startswith(("visual", "logit")) else f"text.{name}"


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        (STATE, []),
        ({"model": in_front("module."), "epoch": torch.tensor(3)}, []),
        (in_front("_orig_mod."), ["taken off the names: '_orig_mod.'"]),
        (in_front("module._orig_mod."), ["taken off the names: '_orig_mod.'"]),
        (in_front("_orig_mod.module."), ["taken off the names: '_orig_mod.'"]),
        (in_front("module.module."), ["taken off the names: 'module.module.'"]),
        (named(compiled_parts), ["taken off the names: '_orig_mod.'"]),
        (
            {"state_dict": in_front("model."), "pytorch-lightning_version": "2.0"},
            ["taken off the names: 'model.'"],
        ),
        (in_front("clip."), ["taken off the names: 'clip.'"]),
        ({"module": STATE, "ds_version": "0.14"}, ["its weights lie under 'module'"]),
        ({"model_ema": STATE, "epoch": 3}, ["its weights lie under 'model_ema'"]),
        (
            {"model": STATE, "model_ema": in_front("x.")},
            ["the averaged weights beside them, 'model_ema', are not used"],
        ),
        (named(two_towers), ["taken off the text tower's names: 'text.'"]),
    ],
)
def test_every_wrapper_is_taken_off_and_said(
    content: dict[str, Any], steps: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    found = state_dict_of(content, source="x.pth")
    assert {name: value.data_ptr() for name, value in found.items()} == {
        name: value.data_ptr() for name, value in STATE.items()
    }
    assert caplog.messages == [f"x.pth: {step}" for step in steps]


def huggingface() -> dict[str, Tensor]:
    """The tiny CLIP as ``transformers.CLIPModel`` names and shapes it."""
    found: dict[str, Tensor] = {
        "logit_scale": STATE["logit_scale"],
        "text_model.embeddings.position_ids": torch.arange(77)[None],
        "vision_model.embeddings.position_ids": torch.arange(5)[None],
        "visual_projection.weight": STATE["visual.proj"].T,
        "text_projection.weight": STATE["text_projection"].T,
        "text_model.embeddings.token_embedding.weight": STATE["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": STATE["positional_embedding"],
        "vision_model.embeddings.class_embedding": STATE["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": STATE["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": STATE["visual.positional_embedding"],
    }
    for kind in ("weight", "bias"):
        found[f"vision_model.pre_layrnorm.{kind}"] = STATE[f"visual.ln_pre.{kind}"]
        found[f"vision_model.post_layernorm.{kind}"] = STATE[f"visual.ln_post.{kind}"]
        found[f"text_model.final_layer_norm.{kind}"] = STATE[f"ln_final.{kind}"]
        for tower, ours in (("vision", "visual.transformer"), ("text", "transformer")):
            for number in range(2):
                theirs = f"{tower}_model.encoder.layers.{number}"
                block = f"{ours}.resblocks.{number}"
                three = STATE[f"{block}.attn.in_proj_{kind}"].chunk(3)
                for letter, part in zip("qkv", three, strict=True):
                    found[f"{theirs}.self_attn.{letter}_proj.{kind}"] = part
                for name, own in {
                    "self_attn.out_proj": "attn.out_proj",
                    "layer_norm1": "ln_1",
                    "layer_norm2": "ln_2",
                    "mlp.fc1": "mlp.c_fc",
                    "mlp.fc2": "mlp.c_proj",
                }.items():
                    found[f"{theirs}.{name}.{kind}"] = STATE[f"{block}.{own}.{kind}"]
    return found


def test_hugging_faces_clip_becomes_openais(caplog: pytest.LogCaptureFixture) -> None:
    found = state_dict_of(huggingface(), source="model.safetensors")
    assert set(found) == set(STATE)
    for name, value in STATE.items():
        assert torch.equal(found[name], value), name
    assert caplog.messages == ["model.safetensors: Hugging Face's names turned into OpenAI's"]


def test_what_was_taken_off_is_known() -> None:
    found = unwrap({"model": in_front("module._orig_mod.")}, source="x.pth")
    assert (found.container, found.prefix) == ("model", "module._orig_mod.")
    assert unwrap({"state_dict": {"model": STATE}}, source="x").container == "state_dict.model"


def test_names_that_fall_together_are_refused() -> None:
    with pytest.raises(WeightsError) as error:
        state_dict_of({"a.w": torch.ones(1), "a._orig_mod.w": torch.ones(1)}, source="x.pth")
    assert str(error.value) == (
        "x.pth holds tensors that have the same name without '_orig_mod.'\n"
        "  got:     2 tensors, 1 different names\n"
        "  next:    save the state dict of the model alone"
    )


def test_a_method_may_itself_hold_a_model(caplog: pytest.LogCaptureFixture) -> None:
    holder = nn.Module()
    holder.model = nn.Linear(2, 2)
    wanted = {name: value + 1 for name, value in holder.state_dict().items()}
    report = load_checked(holder, state_dict_of(wanted), source="x.pth")
    assert report.matched == ("model.bias", "model.weight")
    assert torch.equal(holder.state_dict()["model.weight"], wanted["model.weight"])
