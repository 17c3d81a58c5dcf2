from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from bench.clip.weights import read_weights
from methods.checkpoints.export import export_original, layout_in_words
from methods.parity.golden_case import Golden, load_goldens
from methods.parity.subject import subject_of
from tests.tiny_clip import tiny_clip

CASES = {golden.name: golden for golden in load_goldens()}
PAIRS = [
    (adapter, name)
    for name in CASES
    for adapter in methods.names()
    if name in methods.facts(adapter).parity
]
OPTIONS: dict[str, dict[str, Any]] = {
    "a5": {"temporal_heads": 4, "prefix": 2, "postfix": 2},
    "vl-prompting": {"ctx_init": "", "prompt_depth_vision": 2, "prompt_depth_text": 2},
    "xclip": {"mit_layers": 1, "prompts_layers": 1},
}
CLASSES = ("red circle", "blue square", "a very long name of a class")


def made(adapter: str, *, seed: int, **options: Any) -> Any:
    torch.manual_seed(seed)
    method = methods.create(
        adapter,
        clip=tiny_clip(seed),
        class_names=CLASSES,
        num_frames=4,
        **{**OPTIONS.get(adapter, {}), **options},
    )
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method.eval()


@pytest.mark.parametrize("adapter", methods.names())
def test_scores_survive_the_way_through_the_original_layout(adapter: str, tmp_path: Path) -> None:
    mine, other = made(adapter, seed=1), made(adapter, seed=2)
    # Vanilla CLIP and ViFi-CLIP's family look the class names up in CLIP's own table.
    if hasattr(other, "_token_table"):
        other._token_table = mine._token_table
        other.set_classes(CLASSES)
    video = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = mine(video)
        assert not torch.allclose(other(video), wanted, atol=1e-4)
        report = export_original(mine, tmp_path / "original.pth")
        assert (report.missing, report.unexpected) == ((), ())
        other.load_released(tmp_path / "original.pth")
        torch.testing.assert_close(other(video), wanted, rtol=0, atol=0)


@pytest.mark.parametrize(("adapter", "name"), PAIRS)
def test_names_and_containers_are_those_of_the_authors_files(adapter: str, name: str) -> None:
    golden = CASES[name]
    mode = methods.facts(adapter).parity[name].split(",")[0].strip()
    method, _ = subject_of(adapter, golden, mode).build()
    authors = golden.checkpoint()
    ours = method.original_content()
    assert shapes(ours) == shapes(without_dropped_buffers(golden, authors))


def without_dropped_buffers(golden: Golden, content: dict[str, Any]) -> dict[str, Any]:
    """ViFi-CLIP's code drops its class buffers on loading; Vita-CLIP's needs them."""
    dropped = tuple(golden.spec["derived"]) if "vita" not in golden.name else ()
    return {
        key: {n: t for n, t in value.items() if not n.endswith(dropped or ("\n",))}
        if isinstance(value, dict)
        else value
        for key, value in content.items()
    }


def shapes(content: dict[str, Any]) -> dict[str, Any]:
    found = {
        key: list(value.shape) if isinstance(value, Tensor) else shapes(value)
        for key, value in content.items()
    }
    return {key: value for key, value in found.items() if value != {}}


def test_a_shifted_actionclip_is_written_and_read_with_its_marker(tmp_path: Path) -> None:
    shifted = made("actionclip", seed=1, temporal_shift=True)
    export_original(shifted, tmp_path / "shifted.pt")
    content = read_weights(tmp_path / "shifted.pt").content
    names = content["model_state_dict"]
    assert "visual.transformer.resblocks.0.net.attn.in_proj_weight" in names
    assert "transformer.resblocks.0.attn.in_proj_weight" in names
    assert layout_in_words(content).startswith("model_state_dict (")
