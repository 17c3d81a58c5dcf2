"""The golden cases of this method, and how the adapter is put to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from methods.base import Method
from methods.parity.subject import GoldenSubject


class VitaClipCase(GoldenSubject):
    """The golden cases' options, their loss, and scores of classes as if they were new."""

    def options(self) -> dict[str, Any]:
        """Kinds and numbers of prompts."""
        config = self.golden.spec["config"]
        return {
            "num_global_prompts": config["num_global_prompts"] * config["use_global_prompts"],
            "local_prompts": config["use_local_prompts"],
            "summary_token": config["use_summary_token"],
            "n_ctx_text": config["text_num_prompts"],
            "class_specific_ctx": config["text_prompt_CSC"],
            "ctx_position": config["text_prompt_pos"],
            "ctx_init": config["text_prompt_init"],
        }

    def loss(self, method: Method) -> Tensor:
        """Cross-entropy without smoothing."""
        return method.loss(self.golden.video(), torch.tensor(self.golden.spec["labels"]))

    def intermediates(self, method: Method) -> dict[str, Tensor]:
        """Features, and scores by the bare names."""
        stranger, _ = self.build()
        stranger.make_room(("another class",))
        with torch.no_grad():
            scores = stranger(self.golden.video())
        return {**super().intermediates(method), "extra.zeroshot_logits": scores}


SUBJECT = VitaClipCase
