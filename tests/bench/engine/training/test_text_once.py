from __future__ import annotations

import pytest
import torch
from torch import Tensor

import methods
from bench.engine.precision import resolve_precision
from bench.engine.training.text_once import TextOfUpdate
from methods.base import Method
from tests.tiny_clip import tiny_clip

CPU = resolve_precision("fp32", torch.device("cpu"))
NAMES = ("ride bike", "swing baseball", "wave")


def gradients(method: Method, *, once: bool) -> dict[str, Tensor]:
    method.zero_grad(set_to_none=True)
    generator = torch.Generator().manual_seed(0)
    text = TextOfUpdate(method, CPU, enabled=once, seed=1)
    for _ in range(3):
        video = torch.randn(2, 2, 3, 32, 32, generator=generator)
        targets = torch.rand(2, len(NAMES), generator=generator).softmax(dim=1)
        (method.loss(video, targets, text.features) / 3).backward()
    text.backward()
    return {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("adapter", ["vifi-clip", "clip-text-ft", "clip-image-ft"])
def test_gradients_equal_those_of_a_text_tower_in_every_pass(adapter: str) -> None:
    method = methods.create(adapter, clip=tiny_clip(), class_names=NAMES, num_frames=2)
    often = gradients(method, once=False)
    calls = 0
    encode = method.encode_text

    def counted() -> Tensor:
        nonlocal calls
        calls += 1
        return encode()

    method.encode_text = counted  # type: ignore[method-assign]
    once = gradients(method, once=True)
    assert calls == 1
    assert set(once) == set(often) == set(method.trainable_names())
    for name, gradient in often.items():
        scale = gradient.abs().max()
        assert (once[name] - gradient).abs().max() <= 2e-6 * scale + 1e-9, name
