from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from bench.data.lists.clips import Clip
from bench.data.loading.clip_loader import LoadedClip
from bench.engine.precision import resolve_precision
from bench.engine.training.train import run_training
from bench.engine.training.two_pass import backward_over_update
from bench.ground.errors import UsageError
from bench.ground.seeds import derive_seed, seed_everything
from methods.base import Method
from tests.bench.engine.world import World
from tests.tiny_clip import tiny_clip

CPU = resolve_precision("fp32", torch.device("cpu"))
NAMES = ("ride bike", "swing baseball", "wave")
LABELS = (0, 2, 0, 1, 1, 0, 2)
MATCHING: dict[str, Any] = {"label_smoothing": 0, "mixup_alpha": 0, "cutmix_alpha": 0}
SEED = 5


def clips() -> list[LoadedClip]:
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, 3, 32, 32)
    return [
        LoadedClip(
            Clip(str(number), Path("a video"), label),
            torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator),
            "decord",
        )
        for number, label in enumerate(LABELS)
    ]


def normalise(frames: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(frames)).float() / 128 - 1


def made(fusion: str) -> Method:
    torch.manual_seed(0)
    method = methods.create(
        "actionclip", clip=tiny_clip(), class_names=NAMES, num_frames=3, fusion=fusion
    )
    return method.train()


def in_parts(method: Method, chunk: int, scale: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
    method.zero_grad(set_to_none=True)
    loss = backward_over_update(
        method,
        clips(),
        chunk=chunk,
        normalise=normalise,
        precision=CPU,
        scaler=torch.amp.GradScaler("cpu", init_scale=scale),
        seed=SEED,
    )
    return loss, gradients(method, scale)


def gradients(method: Method, scale: float = 1.0) -> dict[str, Tensor]:
    return {n: p.grad / scale for n, p in method.named_parameters() if p.grad is not None}


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        gap = (found[name] - gradient).abs().max()
        assert gap <= 1e-5 * gradient.abs().max() + 1e-8, name


@pytest.mark.parametrize("fusion", ["Transf", "meanP", "LSTM"])
@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_parts_give_the_gradients_of_one_big_batch(fusion: str, chunk: int) -> None:
    method = made(fusion)
    video = normalise([clip.frames for clip in clips()])
    seed_everything(SEED)
    expected = method.loss(video, torch.tensor(LABELS))
    expected.backward()
    whole = gradients(method)
    assert set(whole) == set(method.trainable_names())
    loss, found = in_parts(method, chunk, scale=4.0)
    assert abs(loss - expected) < 1e-5
    assert_equal(found, whole)


def test_both_passes_draw_alike() -> None:
    """With dropout, the second pass must meet the very features that the loss saw."""
    method = made("Transf_cls")
    video = normalise([clip.frames for clip in clips()])
    features = []
    for number in range(3):
        seed_everything(derive_seed(use="part", seed=SEED, part=number))
        features.append(method.encode_clips(video[3 * number : 3 * number + 3]))
    seed_everything(SEED)
    expected = method.clips_loss(torch.cat(features), torch.tensor(LABELS))
    expected.backward()
    whole = gradients(method)
    loss, found = in_parts(method, chunk=3)
    assert abs(loss - expected) < 1e-5
    assert_equal(found, whole)


def test_the_loss_of_parts_is_another_loss() -> None:
    method = made("Transf")
    video = normalise([clip.frames for clip in clips()])
    with torch.no_grad():
        whole = float(method.loss(video, torch.tensor(LABELS)))
        part = float(method.loss(video[:3], torch.tensor(LABELS[:3])))
    assert abs(whole - part) > 0.1


def test_a_training_gives_the_loss_whole_updates(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    cls: Any = methods.get("actionclip")
    original = cls.clips_loss

    def spied(self: Any, features: Tensor, targets: Tensor) -> Tensor:
        sizes.append(len(targets))
        loss: Tensor = original(self, features, targets)
        return loss

    monkeypatch.setattr(cls, "clips_loss", spied)
    job = world.train_job("actionclip", recipe={**MATCHING, "epochs": 2})
    record = run_training(job, folder, {})
    # 18 clips: 2 x 2 x 2 an update, twice an epoch.
    assert sizes == [8] * 4
    assert (record.updates, record.clips_seen) == (4, 32)
    assert record.final_loss is not None and record.final_loss > 0


def test_recipes_that_soften_targets_are_refused(world: World, folder: Path) -> None:
    job = world.train_job("actionclip", recipe={**MATCHING, "mixup_alpha": 0.8})
    with pytest.raises(UsageError) as caught:
        run_training(job, folder, {})
    assert str(caught.value).splitlines()[0] == (
        "ActionCLIP compares the classes of clips and takes no soft targets"
    )
    assert "label_smoothing = 0, mixup_alpha = 0.8, cutmix_alpha = 0" in str(caught.value)
