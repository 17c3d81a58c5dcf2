from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import methods
from bench.clip import architecture, build_clip
from bench.ground.errors import UsageError
from methods.parity.golden_case import load_goldens
from methods.parity.run import run_parity
from methods.vita_clip.blocks import prompt_bound
from tests.methods.vita_model import CTX, SHARED, gradients, make, scores_of, video
from tests.tiny_clip import tiny_clip


def test_it_computes_what_the_original_code_computes() -> None:
    results = run_parity(methods=["vita-clip"])
    assert [f"{r.case} {r.check} {r.note}" for r in results if r.status != "pass"] == []
    scores = {r.case: r.difference for r in results if r.check == "scores"}
    assert set(scores) == {"vita/default", "vita_variant/default"}
    assert max(difference or 0.0 for difference in scores.values()) < 5e-5
    gradients = [r.difference for r in results if r.check == "gradients"]
    assert max(difference or 0.0 for difference in gradients) < 1e-4
    assert {"extra.zeroshot_logits", "after decay_step"} <= {r.check for r in results}


@pytest.mark.parametrize(
    ("frames", "total", "trained"),
    [(8, 186_867_457, 30_158_849), (16, 186_947_329, 30_238_721)],
)
def test_parameters_at_full_size(frames: int, total: int, trained: int) -> None:
    """Counts of the original code at ViT-B/16 with the 400 classes of Kinetics."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    names = [f"class {number}" for number in range(400)]
    method = methods.create("vita-clip", clip=clip, class_names=names, num_frames=frames)
    sizes = {name: parameter.numel() for name, parameter in method.named_parameters()}
    assert sum(sizes.values()) == total
    assert sum(sizes[name] for name in method.trainable_names()) == trained
    assert sum(sizes[name] for name in method.kept_names()) == 7_087_104
    assert sum(size for name, size in sizes.items() if name.startswith("textual.")) == 63_428_096
    more = methods.create(
        "vita-clip",
        clip=clip,
        class_names=names,
        num_frames=frames,
        train_cls_proj=True,
        n_ctx_text=16,
    )
    # What others count for the paper's model at 8 frames: 39 million.
    wanted = trained + 7_087_104 + 400 * 8 * 512
    assert sum(p.numel() for p in more.parameters() if p.requires_grad) == wanted


@pytest.mark.parametrize("case", ["vita", "vita_variant"])
def test_names_are_those_of_the_released_files(case: str) -> None:
    golden = next(golden for golden in load_goldens() if golden.name == case)
    config = golden.spec["config"]
    method = methods.create(
        "vita-clip",
        clip=golden.clip(),
        class_names=golden.spec["class_names"],
        num_frames=golden.spec["T"],
        num_global_prompts=config["num_global_prompts"],
        n_ctx_text=config["text_num_prompts"],
        class_specific_ctx=config["text_prompt_CSC"],
    )
    released = {
        name.removeprefix("module."): list(value.shape)
        for name, value in golden.checkpoint()["model"].items()
        if "token_prefix" not in name and "token_suffix" not in name
    }
    assert {name: list(value.shape) for name, value in method.state_dict().items()} == released


def test_operations_at_full_size() -> None:
    """Multiply-adds of the image side of the original, and without what it throws away."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method: Any = methods.create("vita-clip", clip=clip, class_names=["eat"], num_frames=8)
    for shortcuts, wanted in ((False, 149.30), (True, 131.86)):
        method.shortcuts = shortcuts
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            method.encode_frames(torch.empty(1, 8, 3, 224, 224, device="meta"))
        assert counter.get_total_flops() / 2e9 == pytest.approx(wanted, abs=0.005)


def test_start_values() -> None:
    made = make(moved=False)
    values = {name: parameter.detach() for name, parameter in made.named_parameters()}
    bound = prompt_bound(16, 64)
    assert bound == pytest.approx((6 / (3 * 256 + 64)) ** 0.5)
    for name in ("visual.global_prompts", "visual.blocks.1.local_prompts"):
        assert 0.95 * bound < float(values[name].abs().max()) <= bound
        assert abs(float(values[name].std()) - bound / 3**0.5) < 0.07 * bound
    assert abs(float(values["visual.time_embed"].std()) - 0.02) < 0.004
    assert abs(float(values[CTX].std()) - 0.02) < 0.003
    block = "visual.blocks.0."
    assert 0.98 / 8 < float(values[block + "cls_proj.weight"].abs().max()) <= 1 / 8
    assert bool(values[block + "cls_proj.bias"].any())
    xavier = (6 / 128) ** 0.5
    for part in ("q", "k", "v", "out"):
        layer = f"{block}summary_attn_layer.{part}_proj."
        assert 0.98 * xavier < float(values[layer + "weight"].abs().max()) <= xavier
        assert not values[layer + "bias"].any()
    assert bool((values[block + "summary_ln.weight"] == 1).all())
    assert not values["visual.patch_embed.proj.bias"].any()


def test_the_start_follows_from_the_seed_and_not_from_the_classes() -> None:
    first, again, other = (make(seed=seed, moved=False).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if "prompts" in name or name.endswith("cls_proj.weight")]
    assert len(drawn) == 5
    assert not any(torch.equal(first[name], other[name]) for name in drawn)
    fewer = make(("eat",), seed=1, moved=False).state_dict()
    assert all(torch.equal(first[name], fewer[name]) for name in first if name != CTX)


def test_without_prompts_it_is_clip_with_a_time_position() -> None:
    none: dict[str, Any] = {"num_global_prompts": 0, "local_prompts": False, "summary_token": False}
    method = make(moved=False, n_ctx_text=0, **none)
    assert set(method.trainable_names()) == {"logit_scale", "visual.time_embed"}
    with torch.no_grad():
        method.visual.time_embed.zero_()
        clip: Any = tiny_clip()
        wanted = clip.visual(video().flatten(0, 1)).unflatten(0, (2, 4))
        assert torch.allclose(method.encode_frames(video()), wanted, atol=1e-5)
    assert method.prompts == ("swing baseball", "RideBike", "massaging person's head")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_global_prompts": 0},
        {"local_prompts": False},
        {"summary_token": False, "ctx_position": "front", **SHARED},
        {"ctx_position": "middle", "n_ctx_text": 5, "train_cls_proj": True},
    ],
)
@pytest.mark.parametrize("shortcut", ["shortcuts", "cut_text", "fused_attention"])
def test_a_shortcut_changes_no_score_and_no_gradient(
    shortcut: str, options: dict[str, Any]
) -> None:
    short, long = make(**options), make(**options)
    assert getattr(long, shortcut)
    setattr(long, shortcut, False)
    assert not getattr(long, shortcut)
    assert torch.allclose(scores_of(short), scores_of(long), atol=2e-5)
    wanted, got = gradients(long), gradients(short)
    assert set(got) == set(wanted) == set(short.trainable_names())
    for name, gradient in got.items():
        assert torch.allclose(gradient, wanted[name], rtol=2e-3, atol=2e-5), name


def test_shortcuts_save_what_they_should() -> None:
    """Prompts ask nothing and the last block computes one row."""
    rows: dict[bool, int] = {}
    for shortcuts in (True, False):
        method = make()
        method.shortcuts = shortcuts
        seen: list[int] = []

        def note(_: Any, given: tuple[Tensor], made: Tensor, seen: list[int] = seen) -> None:
            seen.append(given[0].shape[1])

        for block in method.visual.blocks:
            for layer in (block.attn.q_proj, block.attn.out_proj, block.mlp.fc1):
                layer.register_forward_hook(note)
        scores_of(method)
        rows[shortcuts] = sum(seen)
    # 1 class token, 4 patches; 4 local and 8 global prompts, 1 summary token; three layers a block.
    assert rows == {True: 3 * (5 + 1), False: 2 * (18 + 18 + 13)}


def test_every_part_matters() -> None:
    whole = scores_of(make())
    for name in (
        *("visual.global_prompts", "visual.blocks.0.local_prompts", "visual.time_embed"),
        *("visual.blocks.1.summary_ln.bias", "visual.blocks.1.cls_proj.weight", CTX),
        "visual.blocks.0.summary_attn_layer.v_proj.weight",
    ):
        method = make()
        with torch.no_grad():
            parameter = method.get_parameter(name)
            parameter.copy_(parameter.flip(-1))
        assert float((scores_of(method) - whole).abs().max()) > 1e-3, name


def test_the_order_of_frames_matters() -> None:
    method = make()
    with torch.no_grad():
        assert float((method(video()) - method(video().flip(1))).abs().max()) > 1e-2


def test_a_clip_is_scored_alike_in_any_batch() -> None:
    method = make()
    with torch.no_grad():
        together = method(video(5))
        alone = torch.cat([method(clip[None]) for clip in video(5)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_prompts() -> None:
    assert make(n_ctx_text=2).prompts == (
        "X X swing baseball.",
        "X X RideBike.",
        "X X massaging person's head.",
    )
    assert make(ctx_init="a_video of").prompts[0] == "a video of swing baseball."


def test_words_give_one_shared_context() -> None:
    method = make(ctx_init="a video of", moved=False)
    assert method.get_parameter(CTX).shape == (3, 32)
    assert method.per_class_names() == ()
    # The words as contexts are the words themselves.
    plain = make(n_ctx_text=0, zero_shot_template="a video of {}.", moved=False)
    with torch.no_grad():
        assert torch.allclose(method.encode_text(), plain.encode_text(), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize(
    ("position", "text"),
    [("end", "one two three {}."), ("middle", "one {} two three."), ("front", "{} one two three.")],
)
def test_positions_of_the_class_name(position: str, text: str) -> None:
    method = make(ctx_init="one two three", ctx_position=position, moved=False)
    plain = make(n_ctx_text=0, zero_shot_template=text, moved=False)
    assert torch.allclose(method.encode_text(), plain.encode_text(), atol=1e-6)


def test_text_may_be_encoded_once() -> None:
    method = make()
    text = method.encode_text()
    assert text.shape == (3, 32) and text.requires_grad
    with torch.no_grad():
        assert torch.equal(method(video(), text), method(video()))
    assert not make(n_ctx_text=0).encode_text().requires_grad


def test_a_step_moves_what_is_trained_and_nothing_else() -> None:
    method = make()
    before = copy.deepcopy(method.state_dict())
    trained = set(method.trainable_names())
    parts = ("summary", "local", "global", "time_embed")
    assert trained == {
        name for name in before if name in (CTX, "logit_scale") or any(p in name for p in parts)
    }
    gradients(method)
    torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3).step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    # A bias of all keys changes no softmax: its gradient is zero, or rounding.
    assert trained - moved <= {name for name in trained if name.endswith("k_proj.bias")}
    assert moved <= trained


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_global_prompts": -1},
            "vita-clip: num_global_prompts must be a whole number\n  got:     -1\n  allowed: >= 0",
        ),
        (
            {"ctx_position": "start"},
            "unknown ctx_position of vita-clip 'start'\n  allowed: end, front, middle",
        ),
        (
            {"new_classes": "context"},
            "vita-clip: contexts of each class cannot serve new classes\n"
            "  got:     new_classes = context with class_specific_ctx = True\n"
            "  next:    set class_specific_ctx to False, or new_classes to bare",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        make(**options)
    assert str(error.value) == message


def test_it_runs_in_half_precision() -> None:
    for position in ("end", "middle"):
        for shortcuts in (True, False):
            method = make(ctx_position=position)
            method.shortcuts = method.fused_attention = shortcuts
            with torch.autocast("cpu", torch.bfloat16):
                loss = method.loss(video(), torch.tensor([0, 1]))
            loss.backward()
            assert loss.isfinite()
            assert all(p.grad.isfinite().all() for p in method.parameters() if p.requires_grad)
