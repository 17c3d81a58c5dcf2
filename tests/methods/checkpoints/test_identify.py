from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import methods
from bench.engine import checkpoint
from bench.ground.errors import WeightsError
from methods.checkpoints.identify import groups, identify
from methods.checkpoints.layouts import sizes_of
from methods.parity.golden_case import Golden, load_goldens
from results.run.layout import CHECKPOINT
from tests.tiny_clip import tiny_clip

CASES = {golden.name: golden for golden in load_goldens()}


def saved(golden: Golden, folder: Path) -> Path:
    """A released file of a case, with classes' buffers, as its authors write it."""
    path = folder / f"{golden.name}.pth"
    torch.save(golden.checkpoint(), path)
    return path


@pytest.mark.parametrize("name", CASES)
def test_every_released_layout_is_recognised_and_loads(name: str, tmp_path: Path) -> None:
    golden = CASES[name]
    adapters = [a for a in methods.names() if name in methods.facts(a).parity]
    found = identify(saved(golden, tmp_path))
    assert found.method in adapters
    assert found.problem == ""
    assert found.report is not None
    assert len(found.report.matched) == sum(golden.spec["checkpoint"]["counts"].values())
    assert (found.report.missing, found.report.unexpected) == ((), ())
    assert found.prefix == golden.spec["checkpoint"]["parts"][0]["prefix"]
    assert found.container == golden.spec["checkpoint"]["parts"][0]["container"]
    assert str(found.sizes) == "image 3 x 128, patch 16, 64 px; text 3 x 128; joint 128"
    if found.method in ("xclip", "a5", "vita-clip"):
        assert found.frames == golden.spec["T"]


def test_options_come_from_the_shapes(tmp_path: Path) -> None:
    found = identify(saved(CASES["vl_prompting_deep"], tmp_path))
    assert found.options == {
        "prompt_depth_text": 3,
        "n_ctx_text": 6,
        "n_ctx_vision": 3,
        "prompt_depth_vision": 3,
    }
    variant = identify(saved(CASES["xclip_variant"], tmp_path))
    assert variant.options == {"mit_layers": 3, "prompts_layers": 1}
    assert variant.frames == 4


def test_a_backbone_with_a_name() -> None:
    width, layers = 768, 12
    shapes = {
        "visual.conv1.weight": (width, 3, 16, 16),
        "visual.positional_embedding": (197, width),
        "visual.proj": (width, 512),
        "text_projection": (512, 512),
        "positional_embedding": (77, 512),
        **{f"visual.transformer.resblocks.{i}.ln_1.bias": (width,) for i in range(layers)},
        **{f"transformer.resblocks.{i}.ln_1.bias": (512,) for i in range(layers)},
    }
    sizes = sizes_of({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    assert str(sizes) == ("ViT-B-16 (image 12 x 768, patch 16, 224 px; text 12 x 512; joint 512)")


def test_a_lacking_tensor_is_named_with_its_group(tmp_path: Path) -> None:
    content = CASES["xclip"].checkpoint()
    del content["model"]["mit.positional_embedding"]
    content["model"]["alien.weight"] = torch.ones(2)
    torch.save(content, tmp_path / "x.pth")
    found = identify(tmp_path / "x.pth")
    assert found.method == "xclip"
    assert found.problem.startswith("the checkpoint does not fit X-CLIP\n")
    assert found.report is not None
    assert found.report.missing == ("mit.positional_embedding",)
    assert found.report.unexpected == ("alien.weight",)
    assert groups(found.report.matched)["visual.transformer.resblocks.*"] > 36


def test_an_unknown_file_has_no_method(tmp_path: Path) -> None:
    save_file({"layer.weight": torch.ones(40)}, tmp_path / "other.safetensors")
    found = identify(tmp_path / "other.safetensors")
    assert (found.method, found.sizes, found.tensors, found.container) == (None, None, 1, "")


def test_a_checkpoint_of_our_own_says_so(tmp_path: Path) -> None:
    made = methods.create("clip-text-ft", clip=tiny_clip(), class_names=["a"], num_frames=2)
    path = tmp_path / CHECKPOINT
    checkpoint.save_weights(made, made.trainable_names(), path)
    found = identify(path)
    assert (found.method, found.trained_here) == ("clip-text-ft", True)


def test_another_method_or_backbone_is_named_in_the_refusal(tmp_path: Path) -> None:
    vifi = methods.create("vifi-clip", clip=tiny_clip(), class_names=["a"], num_frames=2)
    with pytest.raises(WeightsError) as caught:
        vifi.load_released(CASES["xclip"].checkpoint())
    assert caught.value.what == (
        "the checkpoint does not fit ViFi-CLIP; it looks like xclip on image 3 x 128, patch 16, "
        "64 px; text 3 x 128; joint 128, 8 frames"
    )
    with pytest.raises(WeightsError) as caught:
        vifi.load_released(CASES["vificlip"].checkpoint())
    assert caught.value.what == (
        "the checkpoint does not fit ViFi-CLIP; it looks like vifi-clip on image 3 x 128, "
        "patch 16, 64 px; text 3 x 128; joint 128"
    )
