from __future__ import annotations

import pytest
import torch

from bench.engine.precision import Name, pick_device, resolve_precision
from bench.ground.errors import BenchError


@pytest.mark.parametrize(
    ("requested", "used", "dtype"),
    [
        ("fp32", "fp32", torch.float32),
        ("amp-fp16", "fp32", torch.float32),
        ("amp-bf16", "amp-bf16", torch.bfloat16),
    ],
)
def test_what_runs_on_a_cpu(requested: Name, used: Name, dtype: torch.dtype) -> None:
    precision = resolve_precision(requested, torch.device("cpu"))
    assert (precision.requested, precision.used) == (requested, used)
    with precision.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is dtype
    assert not precision.scaler().is_enabled()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_fp16_on_cuda_scales_the_loss() -> None:
    precision = resolve_precision("amp-fp16", torch.device("cuda", 0))
    assert precision.used == "amp-fp16"
    assert precision.scaler().is_enabled()
    with precision.autocast():
        ones = torch.ones(2, 2, device="cuda")
        assert (ones @ ones).dtype is torch.float16


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("nothing", ["", "-1", "NoDevFiles", None])
def test_without_a_gpu_the_cpu_is_used(
    monkeypatch: pytest.MonkeyPatch, nothing: str | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if nothing is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", nothing)
    assert pick_device() == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_was_named_is_never_silently_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(BenchError) as caught:
        pick_device()
    first, got, next_step = str(caught.value).splitlines()
    assert first == "torch cannot use the GPU that was named for it"
    assert got.startswith(f"  got:     CUDA_VISIBLE_DEVICES=3, torch {torch.__version__} built for")
    assert next_step == (
        "  next:    bench doctor says what does not fit; to use the CPU: --gpus 0, or "
        "CUDA_VISIBLE_DEVICES= (empty)"
    )
