from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from bench.clip import architecture, build_clip
from bench.engine.checkpoint import load_weights, save_weights, start_from
from bench.ground.errors import UsageError, WeightsError
from methods.parity.golden_case import load_goldens
from methods.parity.run import run_parity
from methods.xclip.modules import TokenDropPath
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "massaging person's head")


def _method(
    class_names: tuple[str, ...] = NAMES, seed: int = 0, frames: int = 4, **options: Any
) -> Any:
    torch.manual_seed(seed)
    method = methods.create(
        "xclip", clip=tiny_clip(), class_names=class_names, num_frames=frames, **options
    )
    # Far from the start values, so that every part matters.
    with torch.no_grad():
        for name, parameter in method.named_parameters():
            if any(part in name for part in ("message_", "mit", "prompts")):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return method.eval()


def _video(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def _gradients(method: Any) -> dict[str, Tensor]:
    method.loss(_video(), torch.tensor([0, 2])).backward()
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


def test_it_computes_what_the_original_code_computes() -> None:
    results = run_parity(methods=["xclip"])
    assert [f"{r.case} {r.check} {r.note}" for r in results if r.status != "pass"] == []
    scores = {r.case: r.difference for r in results if r.check == "scores"}
    assert set(scores) == {
        f"{case}/{mode}"
        for case in ("xclip", "xclip_variant")
        for mode in ("fix_text", "train_text")
    }
    assert max(difference or 0.0 for difference in scores.values()) < 5e-5
    checks = {r.check for r in results}
    assert {"mid.prompts", "mid.img_features", "out.fused_views", "out.logits_view2"} <= checks


def test_parameters_at_full_size() -> None:
    """Counts of the original code at ViT-B/16 with 16 frames."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method = methods.create("xclip", clip=clip, class_names=NAMES, num_frames=16)
    assert sum(p.numel() for p in method.parameters()) == 194_933_249
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == 131_505_152


@pytest.mark.parametrize("mode", ["fix_text", "train_text"])
def test_groups_are_those_of_the_original(mode: str) -> None:
    golden = next(golden for golden in load_goldens() if golden.name == "xclip")
    step = golden.spec["step"]
    wanted = {
        (round(group["lr"] / step["lr"], 6), group["decay"], name)
        for group in step["groups"][mode]
        for name in group["names"]
    }
    method = methods.create(
        "xclip",
        clip=golden.clip(),
        class_names=golden.spec["class_names"],
        num_frames=golden.spec["T"],
        train_text=mode == "train_text",
    )
    groups = method.parameter_groups()
    got = [(g.lr_scale, g.weight_decay is None, name) for g in groups for name in g.names]
    assert {group.weight_decay for group in groups} == {None, 0.0}
    assert len(got) == len(set(got)) == len(method.trainable_names())
    assert set(got) == wanted


def test_start_values() -> None:
    torch.manual_seed(0)
    made = methods.create("xclip", clip=tiny_clip(), class_names=NAMES, num_frames=4)
    values = {name: parameter.detach() for name, parameter in made.named_parameters()}
    block = "visual.transformer.resblocks.1."
    bound = 1 / math.sqrt(64)
    for name in ("message_fc.weight", "message_attn.out_proj.weight"):
        weight = values[block + name]
        assert 0.98 * bound < float(weight.abs().max()) <= bound
        assert abs(float(weight.std()) - bound / math.sqrt(3)) < 0.02 * bound
    xavier = math.sqrt(6 / (64 + 3 * 64))
    assert 0.98 * xavier < float(values[block + "message_attn.in_proj_weight"].abs().max()) < xavier
    for name in ("mit.resblocks.0.mlp.c_fc.weight", "mit.resblocks.0.attn.out_proj.weight"):
        assert abs(float(values[name].std()) - 0.02) < 0.002
    assert abs(float(values["prompts_generator.decoder.1.mlp.3.weight"].std()) - 0.02) < 0.002
    cross = values["prompts_generator.decoder.0.cross_attn.q_proj.weight"]
    assert abs(float(cross.std()) - 0.02) < 0.002
    assert abs(float(values["mit.positional_embedding"].std()) - 0.02) < 0.006
    assert abs(float(values["prompts_visual_proj"].std()) - 1.0) < 0.06
    assert torch.equal(values["prompts_generator.alpha"], torch.full((32,), 0.1))
    own = ("message_", "mit.", "prompts")
    zero = [n for n in values if n.endswith("bias") and any(part in n for part in own)]
    zero = [name for name in zero if not name.endswith("message_fc.bias")]
    assert len(zero) > 20
    assert all(not values[name].any() for name in zero)


def test_the_start_follows_from_the_seed_alone() -> None:
    first, again, other = (_method(seed=seed).state_dict() for seed in (1, 1, 2))
    drawn = [name for name in first if "message_fc" in name or name == "prompts_visual_proj"]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


def test_shortcuts_change_no_score_and_no_gradient() -> None:
    short, long = _method(train_text=True), _method(train_text=True)
    long.shortcuts = False
    long.cut_text = False
    with torch.no_grad():
        assert torch.allclose(short(_video()), long(_video()), atol=2e-5)
    wanted = _gradients(long)
    got = _gradients(short)
    assert set(got) == set(wanted) == set(short.trainable_names())
    for name, gradient in got.items():
        assert torch.allclose(gradient, wanted[name], rtol=2e-3, atol=2e-5), name


def test_recomputing_activations_changes_no_gradient() -> None:
    plain, saving = _method(), _method()
    saving.visual.set_grad_checkpointing()
    wanted = _gradients(plain)
    for name, gradient in _gradients(saving).items():
        assert torch.allclose(gradient, wanted[name], rtol=1e-4, atol=1e-6), name


def test_text_may_be_encoded_once() -> None:
    method = _method()
    with torch.no_grad():
        text = method.encode_text()
        assert text.shape == (3, 32)
        assert torch.equal(method(_video(), text), method(_video()))
    assert not text.requires_grad
    assert not method.encode_text().requires_grad
    assert _method(train_text=True).encode_text().requires_grad


def test_a_clip_is_scored_alike_in_any_batch() -> None:
    method = _method()
    with torch.no_grad():
        together = method(_video(5))
        alone = torch.cat([method(clip[None]) for clip in _video(5)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_order_of_frames_matters() -> None:
    method = _method()
    with torch.no_grad():
        assert float((method(_video()) - method(_video().flip(1))).abs().max()) > 1e-2


def test_another_class_list_equals_a_fresh_model() -> None:
    method = _method()
    others = ("eat", "tying knot (not on a tie)")
    with torch.no_grad():
        method(_video())
        method.set_classes(others)
        assert torch.equal(method(_video()), _method(others)(_video()))
    assert method.prompts == others


def test_a_trained_checkpoint_scores_another_class_list(tmp_path: Path) -> None:
    method = _method(seed=1)
    save_weights(method, method.trainable_names(), tmp_path / "checkpoint.safetensors")
    other = _method(("eat",), seed=2)
    load_weights(other, tmp_path / "checkpoint.safetensors")
    other.set_classes(NAMES)
    with torch.no_grad():
        assert torch.equal(other(_video()), method(_video()))
    # The same file starts a few-shot training of the same method.
    bridged = _method(("eat",), seed=3)
    report = start_from(bridged, tmp_path / "checkpoint.safetensors")
    assert report.matched == tuple(sorted(method.trainable_names()))
    assert not {name for name in report.missing if "visual" in name or "mit" in name}


def test_a_step_moves_what_is_trained_and_nothing_else() -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    trained = set(method.trainable_names())
    assert trained == {
        name
        for name in before
        if name.startswith(("visual.", "mit.", "prompts_generator.", "prompts_visual_"))
    }
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    _gradients(method)
    optimizer.step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == trained


def test_another_number_of_frames_is_refused() -> None:
    method = _method()
    with pytest.raises(UsageError) as error:
        method(_video(frames=8))
    assert str(error.value) == (
        "this X-CLIP reads 4 frames per video\n  got:     8 frames\n"
        "  allowed: 4: its frame positions are learned\n"
        "  next:    sample 4 frames, or train it with 8"
    )


def test_a_checkpoint_of_another_number_of_frames_is_refused() -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    with pytest.raises(WeightsError) as error:
        method.load_released({"model": _method(frames=8).state_dict(), "epoch": 30})
    assert str(error.value) == (
        "the checkpoint was trained on 8 frames per video and cannot read another number\n"
        "  got:     num_frames = 4\n  allowed: 8\n  next:    evaluate it with 8 frames"
    )
    assert all(torch.equal(value, before[n]) for n, value in method.state_dict().items())


def test_checkpoints_of_other_methods_and_sizes_are_refused() -> None:
    vifi = methods.create("vifi-clip", clip=tiny_clip(), class_names=NAMES, num_frames=4)
    with pytest.raises(WeightsError, match="the checkpoint does not fit X-CLIP"):
        _method().load_released(vifi.state_dict())
    with pytest.raises(WeightsError, match=r"unexpected: mit\.resblocks\.1\.attn\.in_proj_bias"):
        _method().load_released(_method(mit_layers=2).state_dict())


def test_half_weights_are_read_as_single_precision() -> None:
    method = _method(seed=1)
    state = {name: value.half() for name, value in method.state_dict().items()}
    other = _method(seed=2)
    other.load_released({"model": state})
    assert {parameter.dtype for parameter in other.parameters()} == {torch.float32}
    with torch.no_grad():
        assert torch.allclose(other(_video()), method(_video()), atol=0.1)


def test_frame_features_alone_give_no_score() -> None:
    method = _method()
    with torch.no_grad():
        frames, text = method.encode_frames(_video()), method.encode_text()
    assert frames.shape == (2, 4, 32)
    with pytest.raises(ValueError, match="X-CLIP scores need patch features"):
        method.score(frames, text)


def test_drop_path_drops_the_same_tokens_in_every_sequence() -> None:
    torch.manual_seed(0)
    drop = TokenDropPath(0.5)
    update = torch.ones(3, 200, 2)
    dropped = drop(update)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped, dropped[:1, :, :1].expand_as(dropped))
    assert 60 < int((dropped[0, :, 0] > 0).sum()) < 140
    assert torch.equal(drop.eval()(update), update)


def test_drop_path_rises_and_acts_in_training_only() -> None:
    method = _method(drop_path_rate=0.4)
    rates = [block.drop_path.rate for block in method.visual.transformer.resblocks]
    assert rates == pytest.approx([0.0, 0.4])
    with torch.no_grad():
        assert torch.equal(method(_video()), _method()(_video()))
        method.train()
        assert not torch.equal(method(_video()), method(_video()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"drop_path_rate": 1.0},
            "xclip: drop_path_rate is a probability\n  got:     1.0\n  allowed: 0 <= rate < 1",
        ),
        (
            {"mit_layers": -1},
            "xclip: mit_layers must be a whole number\n  got:     -1\n  allowed: >= 0",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        _method(**options)
    assert str(error.value) == message


def test_it_runs_in_half_precision() -> None:
    method = _method()
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(_video(), torch.tensor([0, 1]))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in method.parameters() if p.requires_grad)
