"""The golden cases of this method, and how the adapter is put to them."""

from __future__ import annotations

from typing import Any

from methods.parity.subject import GoldenSubject


class VlPromptingCase(GoldenSubject):
    """The golden cases' options."""

    def options(self) -> dict[str, Any]:
        """Numbers and depths of prompts."""
        config = self.golden.spec["config"]
        return {
            "n_ctx_vision": config["n_ctx_vision"],
            "n_ctx_text": config["n_ctx_text"],
            "prompt_depth_vision": config["depth_vision"],
            "prompt_depth_text": config["depth_text"],
            "ctx_init": config["ctx_init"],
        }


SUBJECT = VlPromptingCase
