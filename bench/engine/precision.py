"""The number format of forward and backward passes."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from bench.ground.errors import BenchError
from bench.ground.gpus import named_gpus

Name = Literal["fp32", "amp-fp16", "amp-bf16"]


@dataclass(frozen=True)
class Precision:
    """What is really used on a device.

    Attributes:
        requested: What the recipe asks for.
        used: What runs; the records say this.
        device: Where it runs.
    """

    requested: Name
    used: Name
    device: torch.device

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass; weights stay fp32."""
        if self.used == "fp32":
            return nullcontext()
        dtype = torch.float16 if self.used == "amp-fp16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """Dynamic loss scaling for fp16, a no-op otherwise."""
        return torch.amp.GradScaler(self.device.type, enabled=self.used == "amp-fp16")


def resolve_precision(requested: Name, device: torch.device) -> Precision:
    """What ``requested`` means on ``device``: fp16 autocast needs CUDA and is fp32 elsewhere."""
    used: Name = requested
    if requested == "amp-fp16" and device.type != "cuda":
        used = "fp32"
    if used == "fp32" and device.type == "cuda":
        # TF32 keeps 10 bits of the mantissa; a record that says fp32 must mean it.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return Precision(requested, used, device)


def pick_device() -> torch.device:
    """The first visible CUDA device, else the CPU.

    Raises:
        BenchError: A GPU was named for this process, and torch cannot use it: days on the CPU
            instead are nobody's wish.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if named_gpus(os.environ):
        built = "the CPU only" if torch.version.cuda is None else f"CUDA {torch.version.cuda}"
        raise BenchError(
            "torch cannot use the GPU that was named for it",
            got=f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']}, "
            f"torch {torch.__version__} built for {built}",
            next_step="bench doctor says what does not fit; to use the CPU: --gpus 0, or "
            "CUDA_VISIBLE_DEVICES= (empty)",
        )
    return torch.device("cpu")
