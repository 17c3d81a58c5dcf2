"""The golden cases of this method, and how the adapter is put to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from methods.base import Method
from methods.parity.subject import GoldenSubject


class XClipCase(GoldenSubject):
    """The golden cases' options, and what two views add up to."""

    def options(self) -> dict[str, Any]:
        """Numbers of layers, and whether the text tower is trained."""
        config = self.golden.spec["config"]
        return {
            "mit_layers": config["mit_layers"],
            "prompts_layers": config["prompts_layers"],
            "drop_path_rate": config["droppath"],
            "train_text": self.mode == "train_text",
        }

    def intermediates(self, method: Method) -> dict[str, Tensor]:
        """Features, and the scores of a second view alone and summed with the first's."""
        golden = self.golden
        second = golden.value("input.video_view2", *golden.spec["input"]["input.video_view2"])
        with torch.no_grad():
            views = method(golden.video()), method(second)
        return {
            **super().intermediates(method),
            "out.logits_view2": views[1],
            "out.fused_views": views[0].softmax(dim=-1) + views[1].softmax(dim=-1),
        }


SUBJECT = XClipCase
