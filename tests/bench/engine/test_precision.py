from __future__ import annotations

import pytest
import torch

from bench.engine.precision import Name, resolve_precision


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
