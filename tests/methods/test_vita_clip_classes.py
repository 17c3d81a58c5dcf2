from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import methods
from bench.engine.checkpoint import (
    changed_names,
    load_weights,
    save_weights,
    snapshot_buffers,
    start_from,
)
from bench.ground.errors import UsageError, WeightsError
from tests.methods.vita_model import CTX, NAMES, OTHERS, SHARED, make, scores_of, video
from tests.tiny_clip import tiny_clip


def _saved(method: Any, path: Path) -> Path:
    """The checkpoint that the engine makes of a method."""
    save_weights(method, changed_names(method, snapshot_buffers(method), ()), path)
    return path


def test_classes_that_were_trained_on_keep_their_contexts() -> None:
    method = make()
    whole = scores_of(method)
    method.set_classes((NAMES[2], NAMES[0]))
    assert method.prompts[0].startswith("X X X X X X X X massaging")
    assert torch.allclose(scores_of(method), whole[:, [2, 0]], atol=1e-5)
    method.set_classes(NAMES)
    assert torch.equal(scores_of(method), whole)


def test_new_classes_are_scored_by_their_bare_names() -> None:
    method = make()
    # One new class among known ones is enough: scores of both kinds cannot be compared.
    mixed = (NAMES[0], "eat")
    method.set_classes(mixed)
    assert method.prompts == ("swing baseball", "eat")
    bare = make(mixed, n_ctx_text=0)
    with torch.no_grad():
        assert torch.equal(method.encode_text(), bare.encode_text())
    framed = make(zero_shot_template="a video of {}.")
    framed.set_classes(mixed)
    assert framed.prompts == ("a video of swing baseball.", "a video of eat.")


def test_a_shared_context_may_serve_new_classes() -> None:
    learned = make(new_classes="context", **SHARED)
    learned.set_classes(OTHERS)
    assert learned.prompts[0] == "X X X X X X X X eat."
    fresh = make(OTHERS, new_classes="context", **SHARED)
    assert torch.equal(scores_of(learned), scores_of(fresh))
    bare = make(**SHARED)
    bare.set_classes(OTHERS)
    assert bare.prompts[0] == "eat"


@pytest.mark.parametrize("options", [{}, SHARED])
@pytest.mark.parametrize("names", [OTHERS, ("eat",), (NAMES[1], NAMES[0])])
def test_a_checkpoint_scores_another_class_list(
    tmp_path: Path, names: tuple[str, ...], options: dict[str, Any]
) -> None:
    """As many new classes as old ones must not get the old ones' contexts either."""
    method = make(seed=1, **options)
    path = _saved(method, tmp_path / "checkpoint.safetensors")
    other = make(names, seed=2, **options)
    load_weights(other, path)
    method.set_classes(names)
    assert other.prompts == method.prompts
    assert torch.equal(scores_of(other), scores_of(method))


def test_the_frozen_projections_are_in_the_checkpoint(tmp_path: Path) -> None:
    method = make(seed=1)
    path = _saved(method, tmp_path / "checkpoint.safetensors")
    kept = {f"visual.blocks.{i}.cls_proj.{part}" for i in (0, 1) for part in ("weight", "bias")}
    assert set(load_file(path)) == {*method.trainable_names(), *kept}
    assert not kept & set(method.trainable_names())
    save_weights(method, method.trainable_names(), path)
    with pytest.raises(WeightsError, match="the checkpoint lacks 4 trained tensors of vita-clip"):
        load_weights(make(seed=2), path)


def test_a_training_on_other_classes_starts_with_new_contexts(tmp_path: Path) -> None:
    path = _saved(make(seed=1), tmp_path / "checkpoint.safetensors")
    for names, ignored in ((OTHERS, (CTX,)), (NAMES, ())):
        bridged = make(names, seed=3)
        own = bridged.get_parameter(CTX).detach().clone()
        report = start_from(bridged, path)
        assert report.ignored == ignored
        assert torch.equal(bridged.get_parameter(CTX), own) == bool(ignored)
        assert not {name for name in report.missing if "prompts" in name or "cls_proj" in name}


def _released(method: Any, **extra: Tensor) -> dict[str, Any]:
    state = {**method.state_dict(), **extra}
    return {"model": {f"module.{name}": value for name, value in state.items()}, "next_step": 9}


def _suffix(method: Any, names: tuple[str, ...]) -> Tensor:
    """What the original keeps of its class names, for 8 contexts."""
    named = make(names, moved=False)
    table: Tensor = method.textual.token_embedding.weight.detach()
    return table[named.token_ids[:, 9:]]


def test_a_released_file_of_other_classes_leaves_its_contexts_behind() -> None:
    source = make(seed=1)
    bare = make(OTHERS, n_ctx_text=0)
    bare.load_released(_released(source))
    two = OTHERS[:2]
    by_count = make(two, seed=2)
    report = by_count.load_released(_released(source))
    assert (report.missing, report.ignored) == ((CTX,), (CTX,))
    assert by_count.prompts == two
    # As many classes, but other names: the file's token embeddings tell.
    by_name = make(OTHERS, seed=2)
    suffix = {"prompt_learner.token_suffix": _suffix(source, NAMES)}
    report = by_name.load_released(_released(source, **suffix))
    assert report.missing == (CTX,)
    assert torch.equal(scores_of(by_name), scores_of(bare))
    same = make(NAMES, seed=2)
    report = same.load_released(_released(source, **suffix))
    assert (report.missing, report.ignored) == ((), ("prompt_learner.token_suffix",))
    assert torch.equal(scores_of(same), scores_of(source))


def test_a_released_shared_context_is_kept_for_its_classes_and_on_request() -> None:
    source = make(seed=1, **SHARED)
    content = _released(source, **{"prompt_learner.token_suffix": _suffix(source, NAMES)})
    for choice, prompt in (("bare", "eat"), ("context", "X X X X X X X X eat.")):
        other = make(OTHERS, seed=2, new_classes=choice, **SHARED)
        report = other.load_released(content)
        assert report.missing == ()
        assert torch.equal(other.get_parameter(CTX), source.get_parameter(CTX))
        assert other.prompts[0] == prompt


def test_a_released_file_without_text_fits_a_model_without_contexts() -> None:
    content = _released(make(seed=1))
    vision = {n: v for n, v in content["model"].items() if "visual" in n or "logit_scale" in n}
    method = make(n_ctx_text=0, seed=2)
    report = method.load_released({"model": vision})
    assert report.missing and all(name.startswith("textual.") for name in report.missing)
    with pytest.raises(WeightsError, match="the checkpoint does not fit Vita-CLIP"):
        make(seed=2).load_released({"model": vision})


def test_another_number_of_frames_is_refused() -> None:
    method = make()
    with pytest.raises(UsageError) as error:
        method(video(frames=8))
    assert str(error.value) == (
        "this Vita-CLIP reads 4 frames per video\n  got:     8 frames\n"
        "  allowed: 4: its frame positions are learned\n"
        "  next:    sample 4 frames, or train it with 8"
    )
    before = copy.deepcopy(method.state_dict())
    with pytest.raises(WeightsError) as refused:
        method.load_released(_released(make(frames=8)))
    assert str(refused.value) == (
        "the checkpoint was trained on 8 frames per video and cannot read another number\n"
        "  got:     num_frames = 4\n  allowed: 8\n  next:    evaluate it with 8 frames"
    )
    assert all(torch.equal(value, before[n]) for n, value in method.state_dict().items())


def test_checkpoints_of_other_methods_and_options_are_refused() -> None:
    vifi = methods.create("vifi-clip", clip=tiny_clip(), class_names=NAMES, num_frames=4)
    with pytest.raises(WeightsError, match="the checkpoint does not fit Vita-CLIP"):
        make().load_released(vifi.state_dict())
    with pytest.raises(WeightsError, match=r"visual\.global_prompts \[2, 5, 64\] instead of"):
        make().load_released(_released(make(num_global_prompts=5)))
