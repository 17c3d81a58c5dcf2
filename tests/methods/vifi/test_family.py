from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

import methods
from bench.clip import architecture, build_clip
from bench.ground.errors import WeightsError
from methods.base import Method
from tests.tiny_clip import tiny_clip

FAMILY = ("vanilla-clip", "clip-image-ft", "clip-text-ft", "vifi-clip")
NAMES = ("swing_baseball", "RideBike", "massaging person's head")


def _method(name: str, class_names: tuple[str, ...] = NAMES, clip: Any = None) -> Any:
    clip = tiny_clip() if clip is None else clip
    return methods.create(name, clip=clip, class_names=class_names, num_frames=4).eval()


def _fine_tuned() -> Any:
    """Other weights throughout, but the token table that every fine-tuning keeps."""
    clip = tiny_clip(seed=5)
    clip.token_embedding = tiny_clip().token_embedding
    return clip


def _video(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", FAMILY)
def test_shapes_and_finite_values(name: str) -> None:
    method: Method = _method(name)
    with torch.no_grad():
        frames, text = method.encode_frames(_video()), method.encode_text()
        scores = method(_video())
    assert (frames.shape, text.shape, scores.shape) == ((2, 4, 32), (3, 32), (2, 3))
    assert scores.isfinite().all()
    assert torch.equal(scores, method.score(frames, text))


@pytest.mark.parametrize("name", FAMILY)
def test_another_class_list_equals_a_fresh_model(name: str) -> None:
    method = _method(name)
    others = ("eat", "tying knot (not on a tie)")
    method.set_classes(others)
    with torch.no_grad():
        assert torch.equal(method(_video()), _method(name, others)(_video()))
    assert method.class_names == others


@pytest.mark.parametrize("name", FAMILY)
def test_saved_weights_give_the_same_scores_with_any_class_list(name: str, tmp_path: Path) -> None:
    method = _method(name)
    save_file(method.state_dict(), tmp_path / "checkpoint.safetensors")
    other = _method(name, ("eat",), _fine_tuned())
    other.load_state_dict(load_file(tmp_path / "checkpoint.safetensors"))
    other.set_classes(NAMES)
    with torch.no_grad():
        assert torch.equal(other(_video()), method(_video()))


@pytest.mark.parametrize("name", FAMILY)
def test_a_clip_is_scored_alike_in_any_batch(name: str) -> None:
    method = _method(name)
    with torch.no_grad():
        together = method(_video(5))
        alone = torch.cat([method(clip[None]) for clip in _video(5)])
    assert torch.allclose(together, alone, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("abcXYZ _'(", min_size=1, max_size=12), min_size=1, max_size=3))
def test_cutting_the_text_changes_no_score(class_names: list[str]) -> None:
    method = _method("vifi-clip", tuple(class_names))
    with torch.no_grad():
        cut = method.encode_text()
        method.cut_text = False
        assert torch.allclose(cut, method.encode_text(), atol=2e-6)


def test_cutting_the_text_changes_no_gradient() -> None:
    gradients = []
    for cut in (True, False):
        method = _method("vifi-clip")
        method.cut_text = cut
        method.loss(_video(), torch.tensor([0, 2])).backward()
        gradients.append({n: p.grad for n, p in method.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("vanilla-clip", ()),
        ("clip-image-ft", ("image_encoder.",)),
        ("clip-text-ft", ("text_encoder.",)),
        ("vifi-clip", ("image_encoder.", "text_encoder.", "logit_scale")),
    ],
)
def test_what_is_trained(name: str, trained: tuple[str, ...]) -> None:
    method: Method = _method(name)
    everything = [parameter for parameter, _ in method.named_parameters()]
    assert method.trainable_names() == tuple(n for n in everything if n.startswith(trained))
    grouped = [n for group in method.parameter_groups() for n in group.names]
    assert sorted(grouped) == sorted(method.trainable_names())
    assert not any("token" in parameter for parameter in everything)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vanilla-clip", 0),
        ("clip-image-ft", 86_192_640),
        ("clip-text-ft", 38_131_200),
        ("vifi-clip", 124_323_841),
    ],
)
def test_trainable_parameters_at_full_size(name: str, count: int) -> None:
    """Counts of the original code at ViT-B/16."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method = methods.create(name, clip=clip, class_names=NAMES, num_frames=32)
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == count


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        ("vanilla-clip", ("swing_baseball", "RideBike", "massaging person's head")),
        (
            "vifi-clip",
            (
                "a photo of a swing_baseball.",
                "a photo of a RideBike.",
                "a photo of a massaging person's head.",
            ),
        ),
    ],
)
def test_prompts_are_verbatim(name: str, prompts: tuple[str, ...]) -> None:
    assert _method(name).prompts == prompts


@pytest.mark.parametrize("name", ["clip-image-ft", "clip-text-ft", "vifi-clip"])
def test_a_step_moves_what_is_trained_and_nothing_else(name: str) -> None:
    method = _method(name)
    before = copy.deepcopy(method.state_dict())
    trained = set(method.trainable_names())
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    method.loss(_video(), torch.tensor([0, 1])).backward()
    optimizer.step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == trained


def test_the_given_clip_is_left_alone() -> None:
    clip = tiny_clip()
    method = methods.create("vanilla-clip", clip=clip, class_names=NAMES, num_frames=4)
    with torch.no_grad():
        method.logit_scale.add_(1.0)  # type: ignore[operator]
    assert all(parameter.requires_grad for parameter in clip.parameters())
    assert torch.equal(clip.get_parameter("logit_scale"), tiny_clip().get_parameter("logit_scale"))


@pytest.mark.parametrize("name", ["clip-image-ft", "vifi-clip"])
def test_class_ids_and_one_hot_targets_give_the_same_loss(name: str) -> None:
    method = _method(name)
    ids = torch.tensor([2, 0])
    hot = torch.nn.functional.one_hot(ids, 3).float()
    assert torch.allclose(method.loss(_video(), ids), method.loss(_video(), hot), atol=1e-5)


def _released(**extra: Tensor) -> dict[str, Any]:
    state = {**_method("vifi-clip", clip=_fine_tuned()).state_dict(), **extra}
    return {"model": {f"module.{name}": value for name, value in state.items()}, "epoch": 10}


def test_released_layout_loads_with_its_class_buffers_ignored(tmp_path: Path) -> None:
    buffer = torch.full((400, 77, 32), float("nan"))
    path = tmp_path / "k400.pth"
    torch.save(_released(**{"prompt_learner.complete_text_embeddings": buffer}), path)
    method = _method("vifi-clip")
    report = method.load_released(path)
    assert str(report) == f"{len(method.state_dict())} matched, 0 missing, 0 unexpected, 1 ignored"
    with torch.no_grad():
        assert torch.equal(method(_video()), _method("vifi-clip", clip=_fine_tuned())(_video()))


def test_a_prompting_checkpoint_is_refused_and_changes_nothing() -> None:
    method = _method("vifi-clip")
    content = _released(
        **{"prompt_learner.ctx": torch.zeros(4, 32), "image_encoder.VPT": torch.zeros(4, 64)}
    )
    with pytest.raises(WeightsError) as error:
        method.load_released(content)
    assert str(error.value) == (
        "the checkpoint does not fit ViFi-CLIP; it looks like vl-prompting on image 2 x 64, "
        "patch 16, 32 px; text 2 x 32; joint 32\n"
        "  got:     2 unexpected: image_encoder.VPT, prompt_learner.ctx\n"
        "  next:    choose the method and the backbone that the checkpoint was made with"
    )
    with torch.no_grad():
        assert torch.equal(method(_video()), _method("vifi-clip")(_video()))


def test_a_checkpoint_that_lacks_a_tensor_is_refused() -> None:
    content = _released()
    del content["model"]["module.logit_scale"]
    with pytest.raises(WeightsError, match="1 missing: logit_scale"):
        _method("vifi-clip").load_released(content)


def test_vanilla_loads_clips_own_layout_with_its_token_table() -> None:
    clip = tiny_clip(seed=3)
    method = _method("vanilla-clip")
    report = method.load_released(dict(clip.state_dict()))
    assert (len(report.matched), report.missing) == (len(clip.state_dict()), ())
    with torch.no_grad():
        assert torch.equal(method(_video()), _method("vanilla-clip", clip=clip)(_video()))
    without = {k: v for k, v in clip.state_dict().items() if k != "token_embedding.weight"}
    with pytest.raises(WeightsError, match=r"1 missing: token_embedding\.weight"):
        method.load_released(without)
