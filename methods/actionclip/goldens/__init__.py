"""The golden cases of this method, and how the adapter is put to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from methods.base import Method
from methods.parity.subject import GoldenSubject


class ActionClipCase(GoldenSubject):
    """The golden cases' fusion, their drawn templates, and a batch in which classes repeat."""

    def options(self) -> dict[str, Any]:
        """Fusion and temporal shift."""
        config = self.golden.spec["config"]
        return {"fusion": config["sim_header"], "temporal_shift": config["tsm"]}

    def intermediates(self, method: Method) -> dict[str, Tensor]:
        """Features, and the loss of the batch in which classes repeat."""
        entry = self.golden.spec["input"]["input.video_dup"]
        with torch.no_grad():
            repeated = self._loss(method, self.golden.value("input.video_dup", *entry), "dup_")
        return {**super().intermediates(method), "out.loss_dup": repeated}

    def loss(self, method: Method) -> Tensor:
        """The loss with the templates that the case drew."""
        return self._loss(method, self.golden.video(), "")

    def _loss(self, method: Method, video: Tensor, prefix: str) -> Tensor:
        drawn = self.golden.spec["training_prompts"]
        labels, templates = (
            torch.tensor(drawn[prefix + key]) for key in ("labels", "template_ids")
        )
        matcher: Any = method
        loss: Tensor = matcher.clips_loss(matcher.encode_clips(video), labels, templates=templates)
        return loss

    def parameter_name(self, key: str) -> str:
        """``module.`` marks the fusion head's."""
        return "fusion." + key.removeprefix("module.") if key.startswith("module.") else key


SUBJECT = ActionClipCase
