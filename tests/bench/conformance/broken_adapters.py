"""Adapters with one mistake each; a plug-in that the tests of the conformance suite load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.ground.errors import UsageError
from methods.base import KeyReport, Origin, ParameterGroup, Preprocessing
from methods.checkpoints.released import load_checked, released_tensors
from methods.vifi.family import VifiFamily
from methods.vifi.vifi_clip import VifiClip

OURS = Origin(citation="nobody")


class BorrowedOrigin(VifiClip):
    name, title = "borrowed-origin", "x"


class NoPipeline(VifiClip):
    name, title, origin = "no-pipeline", "x", OURS
    preprocessing = Preprocessing("of-nobody")


class NothingTrained(VifiFamily):
    name, title, origin = "nothing-trained", "x", OURS


class Transposed(VifiClip):
    name, title, origin = "transposed", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames, text).T


class Blind(VifiClip):
    name, title, origin = "blind", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(0 * frames + 1, text)


class LossPerClip(VifiClip):
    name, title, origin = "loss-per-clip", "x", OURS

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        return nn.functional.cross_entropy(self(video, text), targets, reduction="none")


class Overflows(VifiClip):
    name, title, origin = "overflows", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames / (frames - frames.mean(dim=1, keepdim=True)), text)


class Unreached(VifiClip):
    name, title, origin = "unreached", "x", OURS

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        self.forgotten = nn.Parameter(torch.zeros(3))


class HalfGroups(VifiClip):
    name, title, origin = "half-groups", "x", OURS

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(self.trainable_names()[1:])]


class TwiceInGroups(VifiClip):
    name, title, origin = "twice-in-groups", "x", OURS

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(self.trainable_names()), ParameterGroup(("logit_scale",))]


class Lazy(VifiClip):
    name, title, origin = "lazy", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        if not hasattr(self, "weights"):
            self.weights = nn.Parameter(torch.zeros(frames.shape[-1]))
        return super().score(frames * (1 + self.weights), text)


class StaleClasses(VifiClip):
    name, title, origin = "stale-classes", "x", OURS

    def set_classes(self, class_names: Sequence[str]) -> None:
        super().set_classes(class_names)
        if not hasattr(self, "_first_length"):
            self._first_length = self._text_length
        self.eot = self.eot.clamp(max=self._first_length - 2)


class ForgetsRandom(VifiClip):
    """A random projection that is frozen and not in the checkpoint."""

    name, title, origin = "forgets-random", "x", OURS

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        self.mixing = nn.Parameter(torch.randn(64, 64), requires_grad=False)

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames @ self.mixing, text)


class StartsFromElsewhere(ForgetsRandom):
    """Has no place for the tensors of its parent."""

    name, title, origin = "starts-from-elsewhere", "x", OURS
    starts_from = "xclip"


class BatchStatistics(VifiClip):
    name, title, origin = "batch-statistics", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames - 0.5 * frames.mean(dim=0, keepdim=True), text)


class FourFramesOnly(VifiClip):
    name, title, origin = "four-frames-only", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames * torch.ones(4, 1), text)


class SinglePrecision(VifiClip):
    name, title, origin = "single-precision", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        kept = torch.zeros(frames.shape)
        return super().score(kept.index_add_(0, torch.arange(len(frames)), frames), text)


class LeftBehind(VifiClip):
    """Keeps a tensor that no ``.to(device)`` finds."""

    name, title, origin = "left-behind", "x", OURS

    def __init__(
        self, clip: Any, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__(clip, class_names, num_frames, **options)
        self.weights = torch.linspace(0.5, 1.5, 64)

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames * self.weights, text)


class NewOnTheCPU(VifiClip):
    """A class list that is set after moving puts its tensors on the CPU."""

    name, title, origin = "new-on-the-cpu", "x", OURS

    def set_classes(self, class_names: Sequence[str]) -> None:
        super().set_classes(class_names)
        self.register_buffer("per_class", torch.ones(len(self.class_names)), persistent=False)

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames, text) * self.per_class


class ComesBack(VifiClip):
    name, title, origin = "comes-back", "x", OURS

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        return super().loss(video, targets, text).cpu()


class Restless(VifiClip):
    name, title, origin = "restless", "x", OURS

    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        return super().score(frames + 0.01 * torch.randn_like(frames), text)


class AwakeAgain(VifiClip):
    name, title, origin = "awake-again", "x", OURS

    def encode_frames(self, video: Tensor) -> Tensor:
        self.image_encoder.train()
        return super().encode_frames(video)


class DetachedText(VifiClip):
    """Takes no gradient back to text that it is given."""

    name, title, origin = "detached-text", "x", OURS

    def forward(self, video: Tensor, text: Tensor | None = None) -> Tensor:
        return super().forward(video, None if text is None else text.detach())


class IgnoresText(VifiClip):
    """Normalises text only when it encodes it itself."""

    name, title, origin = "ignores-text", "x", OURS

    def forward(self, video: Tensor, text: Tensor | None = None) -> Tensor:
        return super().forward(video, text) if text is None else super().forward(video, text) + 1


class IdsOnly(VifiClip):
    name, title, origin = "ids-only", "x", OURS

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        return nn.functional.nll_loss(self(video, text).log_softmax(dim=1), targets)


class SpansWithSoftTargets(VifiClip):
    name, title, origin = "spans-with-soft-targets", "x", OURS
    loss_spans_update = True

    def encode_clips(self, video: Tensor) -> Tensor:
        return self.encode_frames(video)

    def clips_loss(self, clips: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.score(clips, self.encode_text()), targets)


class SaysFrozen(VifiClip):
    name, title, origin = "says-frozen", "x", OURS
    frozen_image_tower = True


class LaxRelease(VifiClip):
    """Loads whatever it finds."""

    name, title, origin = "lax-release", "x", OURS

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        tensors, _ = released_tensors(source)
        outcome = self.load_state_dict(tensors, strict=False)
        return KeyReport(tuple(tensors), (), tuple(outcome.unexpected_keys), ())


class SilentlyIgnores(VifiClip):
    """Its allow-list lets everything unknown pass."""

    name, title, origin = "silently-ignores", "x", OURS

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        tensors, name = released_tensors(source)
        return load_checked(self, tensors, source=name, ignore=(r"alien\..*",))


class RunsPickles(VifiClip):
    name, title, origin = "runs-pickles", "x", OURS

    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        content = torch.load(source, weights_only=False) if isinstance(source, Path) else source
        return super().load_released(content)


class RefusesAllFrames(VifiClip):
    name, title, origin = "refuses-all-frames", "x", OURS

    def encode_frames(self, video: Tensor) -> Tensor:
        raise UsageError("no frames today")
