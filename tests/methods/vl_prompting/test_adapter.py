from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import methods
from bench.clip import architecture, build_clip, tokenize
from bench.engine.checkpoint import load_weights, save_weights, start_from
from bench.ground.errors import UsageError, WeightsError
from methods.parity.run import run_parity
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "massaging person's head")

PROMPT_NAMES = (
    "image_encoder.VPT",
    "image_encoder.transformer.resblocks.1.VPT_shallow",
    "prompt_learner.ctx",
    "text_encoder.transformer.resblocks.1.VPT_shallow",
)


def _method(class_names: tuple[str, ...] = NAMES, seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    chosen = {"n_ctx_vision": 3, "n_ctx_text": 5, **options}
    method = methods.create(
        "vl-prompting", clip=tiny_clip(), class_names=class_names, num_frames=4, **chosen
    )
    # Prompts that matter: the start values are small.
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.mul_(20.0)
    return method.eval()


def _video(batch: int = 2) -> Tensor:
    return torch.randn(batch, 4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def _gradients(method: Any) -> dict[str, Tensor]:
    method.loss(_video(), torch.tensor([0, 2])).backward()
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


def test_it_computes_what_the_original_code_computes() -> None:
    results = run_parity(methods=["vl-prompting"])
    assert [f"{r.case} {r.check} {r.note}" for r in results if r.status != "pass"] == []
    scores = {r.case: r.difference for r in results if r.check == "scores"}
    assert set(scores) == {"vl_prompting/prompt", "vl_prompting_deep/prompt"}
    assert max(difference or 0.0 for difference in scores.values()) < 5e-5


@pytest.mark.parametrize(
    ("options", "prompts"),
    [
        ({"n_ctx_text": 4}, ("a photo of a swing baseball.", "a photo of a RideBike.")),
        ({"n_ctx_text": 2}, ("a photo of a swing baseball.", "a photo of a RideBike.")),
        (
            {"n_ctx_text": 2, "ctx_init": "a_video_of"},
            ("a video of swing baseball.", "a video of RideBike."),
        ),
        ({"n_ctx_text": 5}, ("X X X X X swing baseball.", "X X X X X RideBike.")),
        ({"n_ctx_text": 2, "ctx_init": ""}, ("X X swing baseball.", "X X RideBike.")),
    ],
)
def test_placeholder_words(options: dict[str, Any], prompts: tuple[str, ...]) -> None:
    method = _method(NAMES[:2], **options)
    assert method.prompts == prompts
    assert method.class_names == NAMES[:2]


def test_few_text_prompts_start_as_words_and_many_at_random() -> None:
    clip: Any = tiny_clip()
    words = tokenize(["a photo of a"])[0, 1:4]
    made = methods.create(
        "vl-prompting", clip=clip, class_names=NAMES, num_frames=4, n_ctx_vision=3, n_ctx_text=3
    )
    ctx = made.get_parameter("prompt_learner.ctx")
    assert torch.equal(ctx, clip.token_embedding.weight[words])
    torch.manual_seed(0)
    made = methods.create("vl-prompting", clip=clip, class_names=NAMES, num_frames=4)
    for name in PROMPT_NAMES:
        parameter = made.get_parameter(name).detach()
        assert 0.017 < float(parameter.std()) < 0.023, name
        assert abs(float(parameter.mean())) < 0.005, name


def test_the_start_follows_from_the_seed_alone() -> None:
    first, again, other = (_method(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in PROMPT_NAMES)
    assert not any(torch.equal(first[name], other[name]) for name in PROMPT_NAMES)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 153_600),
        (
            {
                "n_ctx_vision": 16,
                "n_ctx_text": 16,
                "prompt_depth_vision": 9,
                "prompt_depth_text": 9,
            },
            184_320,
        ),
    ],
)
def test_trainable_parameters_at_full_size(options: dict[str, Any], count: int) -> None:
    """Counts of the original code at ViT-B/16: few-shot and base-to-novel."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method = methods.create("vl-prompting", clip=clip, class_names=NAMES, num_frames=32, **options)
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == count
    assert sum(p.numel() for p in method.parameters()) == 124_323_841 + count


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_shortcuts_change_no_score_and_no_gradient(depth: int) -> None:
    short, long = _method(prompt_depth_vision=depth), _method(prompt_depth_vision=depth)
    long.image_encoder.shortcuts = False
    long.cut_text = False
    with torch.no_grad():
        assert torch.allclose(short(_video()), long(_video()), atol=2e-5)
    wanted = _gradients(long)
    for name, gradient in _gradients(short).items():
        assert torch.allclose(gradient, wanted[name], rtol=1e-3, atol=1e-6), name


@settings(max_examples=10, deadline=None)
@given(st.lists(st.text("abcXYZ _'(", min_size=1, max_size=12), min_size=1, max_size=3))
def test_cutting_the_text_changes_no_feature(class_names: list[str]) -> None:
    method = _method(tuple(class_names))
    with torch.no_grad():
        cut = method.encode_text()
        method.cut_text = False
        assert torch.allclose(cut, method.encode_text(), atol=1e-5)


@pytest.mark.parametrize("name", PROMPT_NAMES)
def test_every_prompt_moves_the_scores(name: str) -> None:
    method = _method()
    with torch.no_grad():
        before = method(_video())
        method.get_parameter(name).neg_()
        assert float((method(_video()) - before).abs().max()) > 1e-3


def test_depth_says_which_blocks_have_prompts() -> None:
    names = set(dict(_method(prompt_depth_vision=1, prompt_depth_text=1).named_parameters()))
    assert names & set(PROMPT_NAMES) == {"image_encoder.VPT", "prompt_learner.ctx"}
    names = set(dict(_method(prompt_depth_vision=0).named_parameters()))
    assert {n for n in names if "VPT" in n} == {"text_encoder.transformer.resblocks.1.VPT_shallow"}


def test_a_step_moves_the_prompts_and_nothing_else() -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    assert method.trainable_names() == tuple(
        name for name, _ in method.named_parameters() if name in PROMPT_NAMES
    )
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    assert set(_gradients(method)) == set(PROMPT_NAMES)
    optimizer.step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == set(PROMPT_NAMES)


def test_another_class_list_equals_a_fresh_model() -> None:
    method = _method()
    others = ("eat", "tying knot (not on a tie)")
    method.set_classes(others)
    with torch.no_grad():
        assert torch.equal(method(_video()), _method(others)(_video()))


def test_a_trained_checkpoint_scores_another_class_list(tmp_path: Path) -> None:
    method = _method(seed=1)
    save_weights(method, method.trainable_names(), tmp_path / "checkpoint.safetensors")
    other = _method(("eat",), seed=2)
    load_weights(other, tmp_path / "checkpoint.safetensors")
    other.set_classes(NAMES)
    with torch.no_grad():
        assert torch.equal(other(_video()), method(_video()))


def _vifi_clip(seed: int = 5) -> Any:
    return methods.create("vifi-clip", clip=tiny_clip(seed), class_names=("a", "b"), num_frames=4)


def test_it_starts_from_a_vifi_clip_of_other_classes(tmp_path: Path) -> None:
    parent = _vifi_clip()
    save_weights(parent, parent.trainable_names(), tmp_path / "checkpoint.safetensors")
    assert methods.facts("vl-prompting").starts_from == "vifi-clip"
    method = _method()
    report = start_from(method, tmp_path / "checkpoint.safetensors")
    assert set(report.missing) == set(PROMPT_NAMES)
    for name, value in parent.state_dict().items():
        assert torch.equal(method.state_dict()[name], value), name


def test_a_released_vifi_clip_lacks_the_prompts_and_nothing_else() -> None:
    state = {f"module.{name}": value for name, value in _vifi_clip().state_dict().items()}
    state["module.prompt_learner.complete_text_embeddings"] = torch.zeros(400, 77, 32)
    method = _method()
    report = method.load_released({"model": state, "epoch": 10})
    assert set(report.missing) == set(PROMPT_NAMES)
    assert report.ignored == ("prompt_learner.complete_text_embeddings",)
    del state["module.logit_scale"]
    with pytest.raises(WeightsError, match="1 missing: logit_scale"):
        method.load_released({"model": state})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            {"prompt_depth_vision": 1},
            "1 missing: image_encoder.transformer.resblocks.1.VPT_shallow",
        ),
        (
            {"n_ctx_text": 6},
            "2 of another shape: prompt_learner.ctx [6, 32] instead of [5, 32], "
            "text_encoder.transformer.resblocks.1.VPT_shallow [6, 32] instead of [5, 32]",
        ),
    ],
)
def test_prompts_of_other_options_are_refused(options: dict[str, Any], why: str) -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    with pytest.raises(WeightsError) as error:
        method.load_released(_method(seed=3, **options).state_dict())
    assert str(error.value) == (
        f"the checkpoint does not fit ViFi-CLIP + VL prompting\n  got:     {why}\n"
        "  next:    choose the method and the backbone that the checkpoint was made with"
    )
    assert all(torch.equal(value, before[n]) for n, value in method.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"prompt_depth_vision": 12},
            "vl-prompting: prompt_depth_vision does not fit a tower of 2 blocks\n"
            "  got:     12\n  allowed: 0 to 2, or None for all",
        ),
        (
            {"prompt_depth_text": 0},
            "vl-prompting: prompt_depth_text does not fit a tower of 2 blocks\n"
            "  got:     0\n  allowed: 1 to 2, or None for all",
        ),
        (
            {"n_ctx_text": 0},
            "vl-prompting: n_ctx_text must be a whole number\n  got:     0\n  allowed: >= 1",
        ),
        (
            {"n_ctx_text": 4, "ctx_init": "a photo"},
            "'a photo' has 2 tokens, too few for 4 text prompts\n  got:     n_ctx_text = 4\n"
            "  allowed: n_ctx_text <= 2, or ctx_init = '' for a random start",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        _method(**options)
    assert str(error.value) == message


def test_rows_that_there_are_not() -> None:
    cls = methods.get("vl-prompting")
    assert cls.supports("few-shot", "ssv2") is None
    assert cls.supports("base-to-novel", "hmdb51") is None
    assert cls.supports("base-to-novel", "kinetics400") == (
        "it starts from a ViFi-CLIP that saw all classes of this data set"
    )
    assert cls.supports("zero-shot", "ucf101") == (
        "it adapts a source-set ViFi-CLIP to a target set; the authors have no such row"
    )


def test_it_runs_in_half_precision() -> None:
    method = _method()
    with torch.no_grad():
        wanted = method(_video())
        with torch.autocast("cpu", torch.bfloat16):
            scores = method(_video())
    assert scores.isfinite().all()
    assert torch.allclose(scores.float(), wanted, atol=0.2 * float(wanted.std()) + 0.2)
