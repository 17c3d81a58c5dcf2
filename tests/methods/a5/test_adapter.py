from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from bench.clip import architecture, build_clip, tokenize
from bench.engine.checkpoint import load_weights, save_weights, start_from
from bench.ground.errors import UsageError, WeightsError
from methods.parity.golden_case import load_goldens
from methods.parity.run import run_parity
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "tying knot (not on a tie)")


def _method(
    class_names: tuple[str, ...] = NAMES, seed: int = 0, frames: int = 4, **options: Any
) -> Any:
    torch.manual_seed(seed)
    method = methods.create(
        "a5", clip=tiny_clip(), class_names=class_names, num_frames=frames, **options
    )
    # Far from the start values, so that every part matters.
    with torch.no_grad():
        for name in method.trainable_names():
            parameter = method.get_parameter(name)
            parameter.add_(0.2 * torch.randn_like(parameter))
    return method.eval()


def _video(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def _gradients(method: Any) -> dict[str, Tensor]:
    method.zero_grad(set_to_none=True)
    method.loss(_video(), torch.tensor([0, 2])).backward()
    return {n: p.grad for n, p in method.named_parameters() if p.grad is not None}


def test_it_computes_what_the_original_code_computes() -> None:
    results = run_parity(methods=["a5"])
    assert [f"{r.case} {r.check} {r.note}" for r in results if r.status != "pass"] == []
    scores = {r.case: r.difference for r in results if r.check == "scores"}
    assert set(scores) == {"a5/new", "a5_mixed/new", "a6/new"}
    assert max(difference or 0.0 for difference in scores.values()) < 2e-5
    assert {"mid.text_features", "mid.video_features", "after decay_step"} <= {
        r.check for r in results
    }


@pytest.mark.parametrize("case", ["a5", "a5_mixed", "a6"])
def test_rows_of_the_table_get_the_gradients_of_the_original(case: str) -> None:
    golden = next(golden for golden in load_goldens() if golden.name == case)
    method = methods.create(
        "a5",
        clip=golden.clip(),
        class_names=golden.spec["class_names"],
        num_frames=golden.spec["T"],
        temporal_layers=golden.spec["config"]["tfm_layers"],
    )
    method.load_released(golden.checkpoint())
    method.loss(golden.video(), torch.tensor(golden.spec["labels"])).backward()
    gradient = method.get_parameter("embedding.weight").grad
    assert gradient is not None
    norms = gradient.norm(dim=1)
    assert norms.nonzero().flatten().tolist() == golden.spec["embedding_rows_with_gradient"]
    wanted = golden.outputs["grad_rows.embedding"]
    assert torch.allclose(norms, wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("frames", "layers", "trained"),
    [(16, 2, 6_352_384), (32, 2, 6_360_576), (16, 3, 9_504_768), (32, 3, 9_512_960)],
)
def test_parameters_at_full_size(frames: int, layers: int, trained: int) -> None:
    """Counts of the original code at ViT-B/16."""
    clip = build_clip(architecture("ViT-B-16"), quick_gelu=True, device="meta")
    assert sum(p.numel() for p in clip.parameters()) == 149_620_737
    method = methods.create(
        "a5", clip=clip, class_names=NAMES, num_frames=frames, temporal_layers=layers
    )
    assert sum(p.numel() for p in method.parameters()) == 149_620_737 + trained
    assert sum(p.numel() for p in method.parameters() if p.requires_grad) == trained


def test_names_are_those_of_the_released_file() -> None:
    golden = next(golden for golden in load_goldens() if golden.name == "a6")
    method = methods.create(
        "a5",
        clip=golden.clip(),
        class_names=golden.spec["class_names"],
        num_frames=golden.spec["T"],
        temporal_layers=3,
    )
    content = golden.checkpoint()
    assert set(content) == {"state_dict"}
    assert set(method.state_dict()) == set(content["state_dict"])
    assert method.trainable_names() and set(method.trainable_names()) == {
        name for name in method.state_dict() if not name.startswith("clipmodel.")
    }
    # The rest of a released file is not looked at.
    report = method.load_released({**content, "optimizer": {"state": {}}, "iteration": 1100})
    assert str(report) == "124 matched, 0 missing, 0 unexpected, 0 ignored"


def test_start_values() -> None:
    torch.manual_seed(0)
    made = methods.create("a5", clip=tiny_clip(), class_names=NAMES, num_frames=16)
    values = {name: parameter.detach() for name, parameter in made.named_parameters()}
    for name in ("embedding.weight", "temporalEmbedding.weight"):
        assert abs(float(values[name].std()) - 0.01) < 0.001
    block = "temporalModelling.resblocks.1."
    xavier = (6 / (32 + 3 * 32)) ** 0.5
    assert 0.95 * xavier < float(values[block + "attn.in_proj_weight"].abs().max()) < xavier
    assert not values[block + "attn.in_proj_bias"].any()
    assert not values[block + "attn.out_proj.bias"].any()
    kaiming = 32**-0.5
    assert 0.95 * kaiming < float(values[block + "mlp.c_fc.weight"].abs().max()) < kaiming
    assert values[block + "mlp.c_fc.bias"].any()
    assert torch.equal(values[block + "ln_1.weight"], torch.ones(32))


@pytest.mark.parametrize("options", [{}, {"prefix": 4, "postfix": 4}, {"prefix": 0, "postfix": 3}])
def test_shortcuts_change_no_score_and_no_gradient(options: dict[str, Any]) -> None:
    """The original runs all 77 positions of every class."""
    long = _method(**options)
    long.cut_text = long.share_prefix = False
    with torch.no_grad():
        scores, text = long(_video()), long.encode_text()
    wanted = _gradients(long)
    for cut, share in ((True, False), (False, True), (True, True)):
        short = _method(**options)
        short.cut_text, short.share_prefix = cut, share
        with torch.no_grad():
            assert torch.allclose(short.encode_text(), text, atol=2e-6)
            assert torch.allclose(short(_video()), scores, atol=2e-5)
        got = _gradients(short)
        assert set(got) == set(wanted) == set(short.trainable_names())
        for name, gradient in got.items():
            assert torch.allclose(gradient, wanted[name], rtol=1e-3, atol=1e-6), name


def test_a_text_is_start_prefix_name_postfix_end() -> None:
    method = _method(prefix=2, postfix=3)
    ids = tokenize(["swing baseball"])[0]
    assert method.prompts == ("swing baseball", "RideBike", "tying knot (not on a tie)")
    assert ids[:4].tolist() == method.token_ids[0, [0, 3, 4, 8]].tolist()
    assert method.fixed[0].nonzero().flatten().tolist() == [0, 3, 4, 8]
    assert method.eot[0] == 8


def test_prompts_belong_to_positions() -> None:
    """A longer name has other vectors behind it: those of the rows that it pushes them to."""
    method = _method(("eat", "ride bike"), prefix=2, postfix=2)
    with torch.no_grad():
        before = method.encode_text()
        # "eat" has rows 1, 2 and 4, 5; "ride bike", one token longer, 1, 2 and 5, 6.
        moved = {}
        for row in range(1, 9):
            changed = copy.deepcopy(method)
            changed.embedding.weight[row] += 1.0
            moved[row] = (changed.encode_text() != before).any(dim=1).tolist()
    assert moved == {
        1: [True, True],
        2: [True, True],
        3: [False, False],
        4: [True, False],
        5: [True, True],
        6: [False, True],
        7: [False, False],
        8: [False, False],
    }


def test_temperature_is_its_own() -> None:
    method = _method()
    with torch.no_grad():
        text, frames = method.encode_text(), method.encode_frames(_video())
        video = method.video_features(frames)
        cosine = torch.nn.functional.cosine_similarity(video[:, None], text[None], dim=-1)
        assert torch.allclose(method(_video()), cosine / 0.07, atol=1e-5)
        method.clipmodel.logit_scale.fill_(0.0)
        assert torch.allclose(method(_video()), cosine / 0.07, atol=1e-5)


def test_the_order_of_frames_matters_where_there_are_layers() -> None:
    with torch.no_grad():
        for layers, differs in ((0, False), (1, True), (2, True)):
            method = _method(temporal_layers=layers)
            gap = (method(_video()) - method(_video().flip(1))).abs().max()
            assert (float(gap) > 1e-2) == differs


def test_without_layers_features_are_averaged_and_only_prompts_are_trained() -> None:
    method = _method(temporal_layers=0)
    assert method.trainable_names() == ("embedding.weight",)
    with torch.no_grad():
        frames = method.encode_frames(_video())
        assert torch.equal(method.video_features(frames), frames.mean(dim=1))
        # Any number of frames will do then.
        assert method(_video(frames=7)).shape == (2, 3)
    assert set(_gradients(method)) == {"embedding.weight"}


def test_a_clip_is_scored_alike_in_any_batch() -> None:
    method = _method()
    with torch.no_grad():
        together = method(_video(5))
        alone = torch.cat([method(clip[None]) for clip in _video(5)])
    assert torch.allclose(together, alone, atol=1e-4)


def test_features_give_the_loss_of_the_video() -> None:
    method = _method()
    targets = torch.tensor([0, 2])
    with torch.no_grad():
        frames = method.encode_frames(_video())
        # Frames do not know of each other, so that features may be put together anew.
        apart = torch.cat([method.encode_frames(_video()[:, i : i + 1]) for i in range(4)], dim=1)
        assert torch.allclose(apart, frames, atol=1e-5)
        loss = method.loss(_video(), targets)
        assert torch.equal(method.features_loss(frames, targets), loss)
        assert torch.equal(method.features_loss(frames, targets, method.encode_text()), loss)
        expected = torch.nn.functional.cross_entropy(method(_video()), targets)
        assert torch.allclose(loss, expected)
    assert not method.encode_frames(_video()).requires_grad


def test_with_many_classes_a_step_compares_some_of_them() -> None:
    names = tuple(f"class {number}" for number in range(9))
    method = _method(names, num_contrast=4)
    targets = torch.tensor([7, 2])
    assert method.loss_couples_clips
    with torch.no_grad():
        logits = method(_video())
        everything = torch.nn.functional.cross_entropy(logits, targets)
        assert torch.allclose(method.loss(_video(), targets), everything)
        method.train()
        # Both own classes and every pair of the other seven.
        possible = torch.stack(
            [
                torch.nn.functional.cross_entropy(
                    logits[:, [2, 7, first, second]], torch.tensor([1, 0])
                )
                for first in (0, 1, 3, 4, 5, 6, 8)
                for second in (0, 1, 3, 4, 5, 6, 8)
                if first < second
            ]
        )
        met = set()
        for seed in range(30):
            torch.manual_seed(seed)
            gaps = (possible - method.loss(_video(), targets)).abs()
            assert gaps.min() < 1e-5
            met.add(int(gaps.argmin()))
        assert len(met) > 8
        with pytest.raises(UsageError) as error:
            method.loss(_video(), torch.full((2, 9), 1 / 9))
    assert str(error.value) == (
        "A5 leaves classes out of its loss and takes no soft targets\n"
        "  got:     9 classes, num_contrast = 4\n"
        "  allowed: class ids: label_smoothing = 0 and no mixing\n"
        "  next:    set them to 0 in the recipe, or raise num_contrast"
    )
    method.set_classes(names[:4])
    assert not method.loss_couples_clips


def test_another_class_list_equals_a_fresh_model() -> None:
    method = _method()
    others = ("eat", "massaging person's head")
    with torch.no_grad():
        method(_video())
        method.set_classes(others)
        assert torch.equal(method(_video()), _method(others)(_video()))


def test_a_trained_checkpoint_scores_another_class_list(tmp_path: Path) -> None:
    method = _method(seed=1)
    save_weights(method, method.trainable_names(), tmp_path / "checkpoint.safetensors")
    other = _method(("eat",), seed=2)
    load_weights(other, tmp_path / "checkpoint.safetensors")
    other.set_classes(NAMES)
    with torch.no_grad():
        assert torch.equal(other(_video()), method(_video()))
    # The same file starts a training on another data set.
    report = start_from(_method(("eat",), seed=3), tmp_path / "checkpoint.safetensors")
    assert report.matched == tuple(sorted(method.trainable_names()))


def test_a_step_moves_what_is_trained_and_nothing_else() -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    _gradients(method)
    torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3).step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == set(method.trainable_names())
    assert {re.sub(r"\d", "i", name) for name in moved} == {
        "embedding.weight",
        "temporalEmbedding.weight",
        *(
            f"temporalModelling.resblocks.i.{part}.{kind}"
            for part in ("ln_i", "attn.out_proj", "mlp.c_fc", "mlp.c_proj")
            for kind in ("weight", "bias")
        ),
        "temporalModelling.resblocks.i.attn.in_proj_weight",
        "temporalModelling.resblocks.i.attn.in_proj_bias",
    }


def test_another_number_of_frames_is_refused() -> None:
    with pytest.raises(UsageError) as error:
        _method()(_video(frames=8))
    assert str(error.value) == (
        "this A5 reads 4 frames per video\n  got:     8 frames\n"
        "  allowed: 4: its frame positions are learned\n"
        "  next:    sample 4 frames, or train it with 8"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"frames": 8},
            "the checkpoint was trained with 8 frames per video and cannot be read with another "
            "number\n  got:     num_frames = 4\n  allowed: 8\n  next:    set num_frames = 8",
        ),
        (
            {"temporal_layers": 1},
            "the checkpoint was trained with 1 temporal layers and cannot be read with another "
            "number\n  got:     temporal_layers = 2\n  allowed: 1\n"
            "  next:    set temporal_layers = 1",
        ),
    ],
)
def test_a_checkpoint_of_another_shape_is_refused(changes: dict[str, Any], message: str) -> None:
    method = _method()
    before = copy.deepcopy(method.state_dict())
    with pytest.raises(WeightsError) as error:
        method.load_released({"state_dict": _method(seed=1, **changes).state_dict()})
    assert str(error.value) == message
    assert all(torch.equal(value, before[n]) for n, value in method.state_dict().items())


def test_checkpoints_of_other_methods_are_refused() -> None:
    vifi = methods.create("vifi-clip", clip=tiny_clip(), class_names=NAMES, num_frames=4)
    with pytest.raises(WeightsError, match="the checkpoint does not fit A5"):
        _method().load_released({"model": vifi.state_dict()})


def test_names_that_leave_no_room_are_refused() -> None:
    with pytest.raises(UsageError) as error:
        _method(("eat", "so long a name"), prefix=40, postfix=32)
    assert str(error.value) == (
        "the class name 'so long a name' leaves no room for the prompts\n"
        "  got:     4 tokens, 40 + 32 prompts\n  allowed: 3 tokens in a text of 77\n"
        "  next:    shorten the class name, or lower prefix and postfix"
    )
    assert _method(("eat", "a long name"), prefix=40, postfix=32).eot.tolist() == [74, 76]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"prefix": -1},
            "a5: prefix must be a whole number\n  got:     -1\n  allowed: >= 0",
        ),
        (
            {"temporal_heads": 5},
            "a5: temporal_heads must divide the width of the features, 32\n  got:     5",
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
