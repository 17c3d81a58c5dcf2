"""The text tower once per update instead of once per forward pass, with the same gradients.

All forward passes of an update see the same weights, hence the same text. Their losses run back
as far as the text features; the summed gradient then runs through the text tower once, which is
the chain rule with the sum taken out.
"""

from __future__ import annotations

from torch import Tensor

from bench.engine.precision import Precision
from bench.ground.seeds import seed_everything
from methods.base import Method


class TextOfUpdate:
    """The text features of one update.

    Args:
        method: What encodes the class names.
        precision: Autocast of the text tower.
        enabled: False: ``features`` is None and the method encodes text in every pass.
        seed: For methods whose text is drawn at random.
    """

    def __init__(self, method: Method, precision: Precision, *, enabled: bool, seed: int) -> None:
        self._encoded: Tensor | None = None
        self.features: Tensor | None = None
        """What ``Method.loss`` takes as ``text``."""
        if not enabled:
            return
        seed_everything(seed)
        with precision.autocast():
            self._encoded = method.encode_text()
        # float32, so that the gradients of many passes are summed without fp16 rounding.
        self.features = self._encoded.detach().float()
        self.features.requires_grad_(self._encoded.requires_grad)

    def backward(self) -> None:
        """Send the gathered gradient through the text tower; after the last pass."""
        if self._encoded is None or self.features is None or self.features.grad is None:
            return
        self._encoded.backward(self.features.grad.to(self._encoded.dtype))
