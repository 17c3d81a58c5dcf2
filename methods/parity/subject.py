"""How an adapter is put to a golden case.

An adapter whose golden cases need options, another loss or other parameter names has a class that
derives from ``GoldenSubject`` and overrides the part that differs. It is ``SUBJECT`` in
``goldens/__init__.py`` of the adapter's folder.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

import methods
from methods.base import KeyReport, Method
from methods.parity.golden_case import Golden


class GoldenSubject:
    """One adapter in one mode of one golden case.

    Args:
        adapter: Name of the adapter.
        golden: The case.
        mode: Which of the case's trainable sets the adapter has; ``""`` if it has none.
    """

    def __init__(self, adapter: str, golden: Golden, mode: str) -> None:
        self.adapter = adapter
        self.golden = golden
        self.mode = mode

    def options(self) -> dict[str, Any]:
        """Options of the adapter that the case was made with."""
        return {}

    def build(self) -> tuple[Method, KeyReport]:
        """The adapter with the case's weights, loaded as a released checkpoint."""
        spec = self.golden.spec
        method = methods.create(
            self.adapter,
            clip=self.golden.clip(),
            class_names=spec["class_names"],
            num_frames=spec["T"],
            **self.options(),
        )
        report = method.load_released(self.golden.checkpoint())
        return method.eval(), report

    def released_keys(self) -> int:
        """How many tensors of the released file the adapter must have used."""
        return sum(self.golden.spec["checkpoint"]["counts"].values())

    def intermediates(self, method: Method) -> dict[str, Tensor]:
        """Features by the names of the golden outputs (``mid.*``)."""
        compute = getattr(method, "intermediates", None)
        found: dict[str, Tensor] = compute(self.golden.video()) if compute is not None else {}
        return found

    def loss(self, method: Method) -> Tensor:
        """The case's training loss."""
        return method.loss(self.golden.video(), self.golden.soft_targets())

    def parameter_name(self, key: str) -> str:
        """The adapter's name of a parameter that the case names ``key``."""
        return key

    def optimizer(self, method: Method, weight_decay: float) -> torch.optim.Optimizer:
        """The case's AdamW over the adapter's parameter groups."""
        step = self.golden.spec["step"]
        parameters = dict(method.named_parameters())
        groups = [
            {
                "params": [parameters[name] for name in group.names],
                "lr": step["lr"] * group.lr_scale,
                "weight_decay": weight_decay if group.weight_decay is None else group.weight_decay,
            }
            for group in method.parameter_groups()
        ]
        return torch.optim.AdamW(groups, betas=tuple(step["betas"]), eps=step["eps"])


def subject_of(adapter: str, golden: Golden, mode: str) -> GoldenSubject:
    """The subject that ``SUBJECT`` beside the golden cases names, or the plain one."""
    folder, _, _ = methods.get(adapter).__module__.rpartition(".")
    cls: type[GoldenSubject] = GoldenSubject
    if folder.startswith("methods.") and importlib.util.find_spec(f"{folder}.goldens"):
        cls = getattr(importlib.import_module(f"{folder}.goldens"), "SUBJECT", GoldenSubject)
    return cls(adapter, golden, mode)
