"""The golden cases of this method, and how the adapter is put to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from methods.base import Method
from methods.parity.subject import GoldenSubject


class A5Case(GoldenSubject):
    """The golden cases' options and their loss, on class ids."""

    def options(self) -> dict[str, Any]:
        """Numbers of prompts, layers and heads."""
        config = self.golden.spec["config"]
        return {
            "prefix": config["prefix"],
            "postfix": config["postfix"],
            "temporal_layers": config["tfm_layers"],
            "temporal_heads": config["tfm_heads"],
        }

    def loss(self, method: Method) -> Tensor:
        """Cross-entropy over all classes."""
        return method.loss(self.golden.video(), torch.tensor(self.golden.spec["labels"]))


SUBJECT = A5Case
