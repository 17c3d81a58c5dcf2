from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.clip import (
    TextTower,
    architecture,
    build_clip,
    causal_mask,
    end_of_text,
    load_backbone,
    tokenize,
)
from bench.clip.backbone_ref import BackboneRef
from bench.ground.errors import UsageError, WeightsError
from methods.parity.golden_case import load_goldens
from tests.tiny_clip import CONFIG, tiny_clip


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(CONFIG))
    return path


def _state() -> dict[str, Tensor]:
    return dict(tiny_clip().state_dict())


def _openai(state: dict[str, Tensor]) -> dict[str, Tensor]:
    markers = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    return {**state, **{name: torch.tensor(value) for name, value in markers.items()}}


class _Everything(nn.Module):
    """A CLIP whose trace touches every tensor, as OpenAI's archives hold every tensor."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        for name, part in clip.named_children():
            self.add_module(name, part)
        for name in ("positional_embedding", "text_projection", "logit_scale"):
            self.register_parameter(name, getattr(clip, name))
        for name in ("input_resolution", "context_length", "vocab_size"):
            self.register_buffer(name, torch.tensor(1.0))

    def forward(self, image: Tensor) -> Tensor:
        total = self.visual(image).sum()
        for tensor in (*self.parameters(), *self.buffers()):
            total = total + tensor.sum()
        return total


LAYOUTS = {
    "plain": lambda state: state,
    "openai": _openai,
    "model": lambda state: {"model": state, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state},
    "module.": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_torch_layout_gives_the_same_towers(
    layout: str, tmp_path: Path, model_file: Path
) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(LAYOUTS[layout](_state()), weights)
    loaded = load_backbone(
        BackboneRef(model=str(model_file), weights=str(weights), quick_gelu=True)
    )
    _assert_same_towers(loaded.model, tiny_clip())
    assert (loaded.name, loaded.quick_gelu, loaded.image_size) == ("tiny", True, 32)
    assert not loaded.model.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in loaded.model.parameters())


def _assert_same_towers(got: Any, wanted: Any) -> None:
    image, ids = torch.randn(2, 3, 32, 32), tokenize(["a dog", "riding a bike"])
    with torch.no_grad():
        assert torch.equal(got.encode_image(image), wanted.encode_image(image))
        assert torch.equal(got.encode_text(ids), wanted.encode_text(ids))


def test_safetensors_half_precision_and_stated_activation(tmp_path: Path, model_file: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    half = {name: value.half() for name, value in _state().items()}
    save_file(half, weights, metadata={"quick_gelu": "true"})
    loaded = load_backbone(BackboneRef(model=str(model_file), weights=str(weights)))
    assert loaded.quick_gelu
    conv = loaded.model.get_parameter("visual.conv1.weight")
    assert conv.dtype == torch.float32
    assert torch.equal(conv, half["visual.conv1.weight"].float())


def test_torchscript_archive_is_read_without_its_code(tmp_path: Path, model_file: Path) -> None:
    weights = tmp_path / "release.pt"
    traced = torch.jit.trace(_Everything(tiny_clip()), torch.zeros(1, 3, 32, 32), check_trace=False)
    torch.jit.save(traced, weights)
    loaded = load_backbone(BackboneRef(model=str(model_file), weights=str(weights)))
    assert loaded.quick_gelu
    _assert_same_towers(loaded.model, tiny_clip())


def test_token_rows_are_expanded(tmp_path: Path, model_file: Path) -> None:
    state = _state()
    table = state.pop("token_embedding.weight")
    ids = tokenize(["a dog"]).unique()
    weights = tmp_path / "rows.safetensors"
    rows = {"token_embedding.ids": ids.int(), "token_embedding.rows": table[ids].contiguous()}
    save_file({**state, **rows}, weights)
    loaded: Any = load_backbone(
        BackboneRef(model=str(model_file), weights=str(weights), quick_gelu=True)
    ).model
    wanted: Any = tiny_clip()
    with torch.no_grad():
        text = tokenize(["a dog"])
        assert torch.equal(loaded.encode_text(text), wanted.encode_text(text))


def test_unknown_activation_is_not_guessed(tmp_path: Path, model_file: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(_state(), weights)
    with pytest.raises(WeightsError) as error:
        load_backbone(BackboneRef(model=str(model_file), weights=str(weights)))
    assert str(error.value) == (
        "whether weights.pt was trained with QuickGELU cannot be known from the file, and the "
        "wrong choice would silently lower every score\n"
        "  allowed: backbone.quick_gelu = True (OpenAI's weights and their fine-tunings) or False\n"
        "  next:    set backbone.quick_gelu, or backbone.pretraining to open_clip's tag"
    )


def test_wrong_activation_is_refused(tmp_path: Path, model_file: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(_openai(_state()), weights)
    with pytest.raises(WeightsError) as error:
        load_backbone(BackboneRef(model=str(model_file), weights=str(weights), quick_gelu=False))
    assert str(error.value) == (
        "the activation that is asked for is not the one the weights were trained with\n"
        "  got:     the file has the layout of OpenAI's releases: QuickGELU; "
        "backbone.quick_gelu: GELU\n"
        "  next:    remove backbone.quick_gelu, or name a model that fits the weights"
    )


def test_the_configuration_decides_the_activation(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(_state(), weights)
    for quick_gelu in (True, False):
        model = tmp_path / f"says_{quick_gelu}.json"
        model.write_text(json.dumps({**CONFIG, "quick_gelu": quick_gelu}))
        loaded = load_backbone(BackboneRef(model=str(model), weights=str(weights)))
        assert loaded.quick_gelu is quick_gelu
        names = {type(module).__name__ for module in loaded.model.modules()}
        assert ("QuickGELU" in names, "GELU" in names) == (quick_gelu, not quick_gelu)


def test_open_clip_tag_decides_the_activation(tmp_path: Path) -> None:
    """Refused for the size of the weights, but only after the tag settled the activation."""
    weights = tmp_path / "weights.pt"
    torch.save(_state(), weights)
    wrong = BackboneRef(
        model="ViT-B-16", weights=str(weights), pretraining="openai", quick_gelu=False
    )
    with pytest.raises(WeightsError, match="weights trained on 'openai': QuickGELU; backbone"):
        load_backbone(wrong)
    right = wrong.model_copy(update={"quick_gelu": None})
    with pytest.raises(WeightsError, match=r"weights\.pt does not hold the weights of ViT-B-16"):
        load_backbone(right)


def test_wrong_architecture_names_what_does_not_fit(tmp_path: Path, model_file: Path) -> None:
    state = _state()
    state["visual.proj"] = state["visual.proj"][:, :16].contiguous()
    state["extra"] = torch.zeros(1)
    del state["ln_final.bias"]
    weights = tmp_path / "weights.pt"
    torch.save(state, weights)
    with pytest.raises(WeightsError) as error:
        load_backbone(BackboneRef(model=str(model_file), weights=str(weights), quick_gelu=True))
    assert str(error.value) == (
        "weights.pt does not hold the weights of tiny\n"
        "  got:     1 missing: ln_final.bias; 1 unexpected: extra; "
        "1 of another shape: visual.proj [64, 16] instead of [64, 32]\n"
        "  next:    name the model that the file was made for in backbone.model"
    )


def test_missing_weights_are_reported_at_once_with_the_remedy() -> None:
    start = time.process_time()
    with pytest.raises(WeightsError) as error:
        load_backbone(BackboneRef(model="ViT-B-16", weights="weights/ViT-B-16.pt"))
    assert time.process_time() - start < 2
    assert str(error.value) == (
        "the weights of ViT-B-16 are not there\n"
        "  got:     weights/ViT-B-16.pt\n"
        "  allowed: a .pt/.pth file of torch or a .safetensors file with CLIP weights\n"
        "  next:    download https://openaipublic.azureedge.net/clip/models/"
        "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f/ViT-B-16.pt\n"
        "           to weights/ViT-B-16.pt"
    )


def test_another_file_than_planned_is_refused(tmp_path: Path, model_file: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(_state(), weights)
    ref = BackboneRef(
        model=str(model_file), weights=str(weights), quick_gelu=True, weights_sha256="00"
    )
    with pytest.raises(WeightsError, match=r"weights\.pt is not the weights file that was planned"):
        load_backbone(ref)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("ViT-B16", "unknown CLIP model 'ViT-B16'; did you mean 'ViT-B-16'?"),
        ("RN50", "RN50 cannot be adapted here: its image tower is not a plain vision transformer"),
        (
            "roberta-ViT-B-32",
            "roberta-ViT-B-32 cannot be adapted here: its text tower is not CLIP's",
        ),
        ("nowhere.json", "the model configuration nowhere.json cannot be read"),
    ],
)
def test_architectures_that_do_not_fit_are_refused(model: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        architecture(model)
    assert str(error.value).startswith(message)


def test_token_ids_are_those_of_the_original_tokenizer() -> None:
    for golden in load_goldens():
        rows = tokenize(golden.spec["tokenizer_strings"])
        for got, wanted in zip(rows, golden.spec["token_ids"], strict=True):
            assert got.tolist() == wanted + [0] * (77 - len(wanted))


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="a text has 102 tokens; CLIP reads 77"):
        tokenize(["dog " * 100])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abc XYZ'_-(é", max_size=20), min_size=1, max_size=4))
def test_text_up_to_the_last_end_token_gives_the_same_features(texts: list[str]) -> None:
    clip: Any = tiny_clip()
    tower = TextTower(clip)
    ids = tokenize(texts)
    eot = end_of_text(ids)
    with torch.no_grad():
        embeddings = clip.token_embedding(ids)
        whole = tower(embeddings, eot)
        cut = tower(embeddings[:, : int(eot.max()) + 1], eot)
        assert torch.allclose(cut, whole, atol=2e-6)
        assert torch.allclose(whole, clip.encode_text(ids), atol=2e-6)


def test_mask_and_text_tower_share_the_models_tensors() -> None:
    clip: Any = copy.deepcopy(build_clip(CONFIG, quick_gelu=True))
    assert torch.equal(causal_mask(77), clip.attn_mask)
    assert TextTower(clip).positional_embedding is clip.positional_embedding
