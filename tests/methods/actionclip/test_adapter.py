from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import methods
from bench.clip import architecture, build_clip, normalize
from bench.ground.errors import UsageError, WeightsError
from methods.actionclip.shift import shifted
from methods.actionclip.text import TEMPLATES, matching_loss
from methods.parity.run import run_parity
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "massaging person's head")
FRAMES = 4
EVERY = [("Transf", False), ("meanP", False), ("LSTM", False), ("Conv_1D", False), ("meanP", True)]


def made(fusion: str = "Transf", names: tuple[str, ...] = NAMES, seed: int = 0, **rest: Any) -> Any:
    torch.manual_seed(seed)
    method = methods.create(
        "actionclip",
        clip=tiny_clip(seed),
        class_names=names,
        num_frames=FRAMES,
        fusion=fusion,
        **rest,
    )
    return method.eval()


def clips(batch: int = 2, frames: int = FRAMES) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def gradients(method: Any) -> dict[str, Tensor]:
    return {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


def test_the_original_code_computes_the_same() -> None:
    results = run_parity(methods=["actionclip"])
    assert [f"{r.case} {r.check} {r.note}" for r in results if r.status != "pass"] == []
    for case, tensors in (("actionclip_transf/all", 159), ("actionclip_meanp/all", 86)):
        checks = {r.check: r for r in results if r.case == case}
        assert checks["scores"].tolerance == 2e-4
        assert checks["gradients"].note == f"{tensors} norms, relative"
        assert checks["released keys"].note.startswith(f"{tensors} matched")
        assert {"loss", "out.loss_dup", "out.probs", "out.logits_per_template"} <= set(checks)
        assert {"after step", "after decay_step", "trainable", "mid.video_features"} <= set(checks)


def test_sixteen_prompts_a_class_in_the_order_of_the_original() -> None:
    prompts = made().prompts
    assert len(prompts) == 48 and len(TEMPLATES) == 16
    assert prompts[:3] == tuple(f"a photo of action {name}" for name in NAMES)
    assert prompts[9:11] == ("swing_baseball, an action", "RideBike, an action")
    assert prompts[21:24] == NAMES
    assert prompts[33] == "Can you recognize the action of swing_baseball?"
    assert prompts[-1] == "The woman is massaging person's head"


@pytest.mark.parametrize(("fusion", "shift"), EVERY)
def test_scores_are_logs_of_averaged_probabilities(fusion: str, shift: bool) -> None:
    method = made(fusion, temporal_shift=shift)
    with torch.no_grad():
        video, text = method.encode_clips(clips()), method.encode_text()
        scores = method(clips())
        averaged = torch.zeros(2, 3)
        for template in range(16):
            own = text[3 * template : 3 * template + 3]
            averaged += (100 * normalize(video) @ normalize(own).T).softmax(dim=1) / 16
        reused = method.score(method.encode_frames(clips()), text)
    assert (video.shape, text.shape, scores.shape) == ((2, 32), (48, 32), (2, 3))
    assert torch.allclose(scores.exp(), averaged, atol=1e-6)
    assert torch.equal(scores, reused)


def test_the_temperature_matters_in_training_only() -> None:
    method = made()
    scores, losses = [], []
    for value in (2.0, 4.6):
        with torch.no_grad():
            method.logit_scale.fill_(value)
            np.random.seed(0)
            scores.append(method(clips()))
            losses.append(float(method.loss(clips(), torch.tensor([0, 1]))))
    assert torch.equal(scores[0], scores[1])
    assert abs(losses[0] - losses[1]) > 1e-2


@pytest.mark.parametrize("fusion", ["Transf", "Transf_cls", "Conv_1D"])
def test_a_clip_is_scored_alike_in_any_batch(fusion: str) -> None:
    method = made(fusion)
    with torch.no_grad():
        together = method(clips(5))
        alone = torch.cat([method(clip[None]) for clip in clips(5)])
    assert torch.allclose(together, alone, atol=1e-3)


def test_another_class_list_equals_a_fresh_model() -> None:
    method = made()
    others = ("eat", "tying knot (not on a tie)")
    method.set_classes(others)
    with torch.no_grad():
        assert torch.equal(method(clips()), made(names=others)(clips()))


def test_saved_weights_give_the_same_scores(tmp_path: Path) -> None:
    method = made()
    trained = set(method.trainable_names())
    kept = {name: value for name, value in method.state_dict().items() if name in trained}
    save_file(kept, tmp_path / "checkpoint.safetensors")
    other = made(names=("eat",), seed=3)
    other.load_state_dict(load_file(tmp_path / "checkpoint.safetensors"))
    other.set_classes(NAMES)
    with torch.no_grad():
        assert torch.equal(other(clips()), method(clips()))


@pytest.mark.parametrize("shortcut", ["cut_text", "share_texts"])
def test_shortcuts_change_neither_loss_nor_gradient(shortcut: str) -> None:
    labels, templates = torch.tensor([0, 2, 0, 0, 1]), torch.tensor([3, 3, 3, 5, 9])
    results = []
    for taken in (True, False):
        method = made()
        setattr(method, shortcut, taken)
        loss = method.clips_loss(method.encode_clips(clips(5)), labels, templates=templates)
        loss.backward()
        results.append((float(loss.detach()), gradients(method)))
    (loss, short), (expected, long) = results
    assert loss == pytest.approx(expected, abs=1e-5)
    assert set(short) == set(long)
    for name, gradient in long.items():
        assert torch.allclose(short[name], gradient, rtol=1e-3, atol=1e-5), name


def test_a_prompt_that_is_drawn_twice_is_encoded_once() -> None:
    method = made()
    encoded: list[int] = []
    method.transformer.register_forward_pre_hook(lambda _, args: encoded.append(len(args[0])))
    labels, templates = torch.tensor([0, 2, 0, 0, 1]), torch.tensor([3, 3, 3, 5, 9])
    features = method.encode_clips(clips(5))
    method.clips_loss(features, labels, templates=templates)
    method.share_texts = False
    method.clips_loss(features, labels, templates=templates)
    assert encoded == [4, 5]


def test_many_prompts_are_encoded_in_chunks() -> None:
    names = tuple(f"action number {'very ' * (number % 7)}{number}" for number in range(40))
    method = made(names=names)
    with torch.no_grad():
        cut = method.encode_text()
        method.cut_text = False
        assert cut.shape == (640, 32)
        assert torch.allclose(cut, method.encode_text(), atol=1e-5)


def test_templates_are_drawn_from_numpy_for_each_clip() -> None:
    method = made()
    labels = torch.tensor([0, 1, 2, 0, 1])
    with torch.no_grad():
        features = method.encode_clips(clips(5))
        np.random.seed(4)
        drawn = torch.from_numpy(np.random.randint(16, size=5))
        expected = method.clips_loss(features, labels, templates=drawn)
        np.random.seed(4)
        assert torch.equal(method.loss(clips(5), labels), expected)
        after = np.random.random()
        np.random.seed(4)
        np.random.randint(16, size=5)
        assert np.random.random() == after
        np.random.seed(4)
        reused = method.loss(clips(5), labels, method.encode_text())
    assert torch.allclose(reused, expected, atol=1e-5)
    assert len(set(drawn.tolist())) > 1


def test_matching_loss_written_out() -> None:
    similarity = torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = [1, 3, 1, 0]
    expected = 0.0
    for matrix in (similarity, similarity.T):
        for row in range(4):
            weights = [math.exp(10.0 * (labels[row] == labels[column])) for column in range(4)]
            total = sum(math.exp(value) for value in matrix[row].tolist())
            for column in range(4):
                target = weights[column] / sum(weights)
                log_p = float(matrix[row, column]) - math.log(total)
                expected += target * (math.log(target) - log_p) / 4 / 2
    assert float(matching_loss(similarity, torch.tensor(labels))) == pytest.approx(expected)


def test_a_margin_of_ten_is_all_the_loss_asks_for() -> None:
    labels = torch.tensor([0, 1, 0])
    margin = 10.0 * (labels[:, None] == labels[None, :])
    assert abs(float(matching_loss(margin + 7.0, labels))) < 1e-6
    assert float(matching_loss(2 * margin, labels)) > 1e-4


def test_soft_targets_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        made().loss(clips(), torch.full((2, 3), 1 / 3))
    assert str(caught.value).splitlines()[0] == (
        "ActionCLIP compares the classes of clips and takes no soft targets"
    )


@pytest.mark.parametrize("fusion", ["Transf", "meanP", "LSTM", "Conv_1D", "Transf_cls"])
def test_gradients_reach_what_is_trained_and_nothing_else(fusion: str) -> None:
    method = made(fusion, seed=2)
    method.loss(clips(3), torch.tensor([0, 1, 0])).backward()
    found = gradients(method)
    assert set(found) == set(method.trainable_names())
    unread = set(dict(method.named_parameters())) - set(found)
    table = {"fusion.frame_position_embeddings.weight"}
    assert unread == (table if fusion in ("LSTM", "Conv_1D", "Transf_cls") else set())
    assert all(bool(gradient.isfinite().all()) for gradient in found.values())


def test_three_groups_with_the_rates_of_the_original() -> None:
    groups = made().parameter_groups()
    assert [(group.lr_scale, group.weight_decay) for group in groups] == [
        (1.0, None),
        (1.0, None),
        (10.0, None),
    ]
    text, image, fusion = groups
    assert {"logit_scale", "token_embedding.weight", "ln_final.bias"} <= set(text.names)
    assert all(name.startswith("visual.") for name in image.names)
    assert all(name.startswith("fusion.") for name in fusion.names)
    names = [name for group in groups for name in group.names]
    assert sorted(names) == sorted(made().trainable_names())
    assert len(made("meanP").parameter_groups()) == 2
    scaled = made(image_lr_ratio=0.5, fusion_lr_ratio=2).parameter_groups()
    assert [group.lr_scale for group in scaled] == [1.0, 0.5, 2.0]
    with pytest.raises(UsageError, match="actionclip: fusion_lr_ratio must be a number"):
        made(fusion_lr_ratio="ten")


def test_a_fixed_text_tower_leaves_the_temperature_trained() -> None:
    method = made(train_text=False)
    rest = [n for n in method.trainable_names() if not n.startswith(("visual.", "fusion."))]
    assert rest == ["logit_scale"]


def test_the_shift_written_out() -> None:
    frames, width = 3, 16
    tokens = torch.randn(2 * frames, 5, width, generator=torch.Generator().manual_seed(0))
    found = shifted(tokens, frames).unflatten(0, (2, frames))
    given = tokens.unflatten(0, (2, frames))
    for frame in range(frames):
        assert torch.equal(found[:, frame, 0], given[:, frame, 0])
        patches = found[:, frame, 1:]
        after = given[:, frame + 1, 1:, :2] if frame + 1 < frames else torch.zeros(2, 4, 2)
        before = given[:, frame - 1, 1:, 2:4] if frame > 0 else torch.zeros(2, 4, 2)
        assert torch.equal(patches[..., :2], after)
        assert torch.equal(patches[..., 2:4], before)
        assert torch.equal(patches[..., 4:], given[:, frame, 1:, 4:])


def test_a_shift_makes_the_order_of_frames_matter() -> None:
    plain, shifting = made("meanP"), made("meanP", temporal_shift=True)
    assert set(plain.state_dict()) == set(shifting.state_dict())
    backwards = clips().flip(1)
    with torch.no_grad():
        assert torch.allclose(plain(clips()), plain(backwards), atol=1e-3)
        assert not torch.allclose(shifting(clips()), shifting(backwards), atol=1e-2)
        with pytest.raises(UsageError, match="shifts among 4 frames per video"):
            shifting(clips(frames=3))


def test_full_size_costs_what_the_paper_says() -> None:
    """168.5 M parameters and 563 GFLOPs (multiply-adds) at ViT-B/16 with 32 frames."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    method: Any = methods.create("actionclip", clip=clip, class_names=NAMES, num_frames=32).eval()
    assert sum(p.numel() for p in method.parameters()) == 168_574_465
    assert sum(p.numel() for p in method.visual.parameters()) == 86_192_640
    with FlopCounterMode(display=False) as counter:
        method.encode_clips(torch.zeros(1, 32, 3, 224, 224, device="meta"))
    assert counter.get_total_flops() == 2 * 562_640_781_312


def released(method: Any, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """What the original writes, from a method."""
    state = {name: value.clone() for name, value in method.state_dict().items()}
    towers = {n: v.to(dtype) for n, v in state.items() if not n.startswith("fusion.")}
    fusion = {"module." + n[7:]: v for n, v in state.items() if n.startswith("fusion.")}
    return {
        "epoch": 49,
        "model_state_dict": towers,
        "fusion_model_state_dict": fusion,
        "optimizer_state_dict": {"state": {}, "param_groups": []},
    }


@pytest.mark.parametrize("fusion", ["Transf", "meanP", "LSTM"])
def test_released_checkpoints_load(fusion: str) -> None:
    source, method = made(fusion, seed=3), made(fusion)
    report = method.load_released(released(source))
    assert len(report.matched) == len(method.state_dict())
    assert (report.missing, report.unexpected) == ((), ())
    with torch.no_grad():
        assert torch.equal(method(clips()), source(clips()))


def test_half_precision_and_wrapped_blocks_load(tmp_path: Path) -> None:
    source = made(temporal_shift=True, seed=3)
    content = released(source, torch.float16)
    content["model_state_dict"] = {
        re.sub(r"^(visual\.transformer\.resblocks\.\d+)\.", r"\1.net.", name): value
        for name, value in content["model_state_dict"].items()
    }
    assert "visual.transformer.resblocks.1.net.ln_1.bias" in content["model_state_dict"]
    torch.save(content, tmp_path / "model_best.pt")
    method = made(temporal_shift=True)
    method.load_released(tmp_path / "model_best.pt")
    weight = source.visual.proj.half().float()
    assert torch.equal(method.visual.proj, weight)
    assert method.visual.proj.dtype == torch.float32


def test_the_port_of_mmaction2_loads() -> None:
    source, method = made(seed=3), made()
    state = source.state_dict()
    content = {
        n.replace("fusion.", "adapter.", 1) if n.startswith("fusion.") else f"clip.{n}": v
        for n, v in state.items()
    }
    table = "frame_position_embeddings.weight"
    content[f"adapter.{table}"] = content[f"adapter.{table}"][:FRAMES]
    method.load_released({"meta": {}, "state_dict": content})
    with torch.no_grad():
        assert torch.equal(method(clips()), source(clips()))
    content[f"adapter.{table}"] = content[f"adapter.{table}"][:2]
    with pytest.raises(WeightsError) as caught:
        method.load_released({"state_dict": content})
    assert str(caught.value).splitlines()[0] == "the checkpoint has too few frame positions"


def test_checkpoints_that_do_not_fit_are_refused() -> None:
    source, method = made(seed=3), made()
    before = method.visual.proj.clone()
    with pytest.raises(WeightsError, match="the checkpoint does not fit ActionCLIP") as caught:
        made("meanP").load_released(released(source))
    assert "73 unexpected: fusion.frame_position_embeddings.weight" in str(caught.value)
    content = released(source)
    del content["fusion_model_state_dict"]
    with pytest.raises(WeightsError, match="73 missing: fusion"):
        method.load_released(content)
    with pytest.raises(WeightsError, match="holds no tensors by name"):
        method.load_released({"epoch": 3})
    assert torch.equal(method.visual.proj, before)
