"""The contract of a method: everything the author of an adapter must know.

An adapter is a folder here (``adapter.py`` and ``facts.py``), one file here, or a plug-in file. It
has one class that derives from ``Method``:

    class Mine(Method):
        name = "mine"
        title = "Mine"
        def encode_text(self): ...
        def score(self, frames, text): ...      # or override forward() whole

Where things lie decides what the key of a job holds. It holds the code that an adapter's imports
reach: its folder, this file, ``methods/image_tower.py`` and the towers in ``bench/clip``; whoever
changes that code computes its results again. No score depends on ``facts.py`` (values that matter
are in the key as values), ``recipe.py`` (so are those of recipes), ``released.py`` (reading what
authors released), ``goldens/``, ``methods/checkpoints/``, ``methods/parity/`` and ``bench/ground``:
they are not in the key. So an adapter's ``load_released`` is short and calls its ``released.py``.

Shapes: B videos, T frames, C classes, E joint width, H and W pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench.ground.errors import UsageError
from methods.facts import CLIP, IMAGENET, Facts, Origin, Preprocessing, refusal

__all__ = [
    "CLIP",
    "IMAGENET",
    "Facts",
    "KeyReport",
    "Method",
    "Origin",
    "ParameterGroup",
    "Preprocessing",
]


@dataclass(frozen=True)
class KeyReport:
    """What became of each tensor of a checkpoint; names as in the file, without ``module.``."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{len(self.matched)} matched, {len(self.missing)} missing, "
            f"{len(self.unexpected)} unexpected, {len(self.ignored)} ignored"
        )


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate and a weight decay.

    Attributes:
        names: Parameter names as in ``named_parameters``.
        lr_scale: Factor on the recipe's learning rate.
        weight_decay: Value that replaces the recipe's, or None.
    """

    names: tuple[str, ...]
    lr_scale: float = 1.0
    weight_decay: float | None = None


class Method(nn.Module):
    """A way of adapting CLIP to video. Build one with ``methods.create``.

    Args:
        clip: An open_clip ``CLIP`` whose weights are already loaded.
        class_names: The C class names as the label file has them.
        num_frames: T.
        **options: The adapter's own options; their defaults are in ``options``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str] = ""
    origin: ClassVar[Origin]
    preprocessing: ClassVar[Preprocessing] = Preprocessing()
    options: ClassVar[Mapping[str, Any]] = {}
    """Options with their defaults; anything else is refused before anything runs, and so is a value
    of another kind than the default (whole number, number, truth value, text)."""
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Option -> the words it may be, for options that are one of several words."""
    trains: ClassVar[bool] = True
    """False: only evaluated."""
    frozen_image_tower: ClassVar[bool] = False
    """True: ``encode_frames`` never changes in training, so its output may be shared."""
    starts_from: ClassVar[str | None] = None
    """Row name of the method whose source-set checkpoint this one starts from."""
    loss_couples_clips: bool = False
    """True: ``loss`` compares the clips of a batch with each other, so it must be given exactly
    the clips that one GPU of the original saw together."""
    loss_spans_update: ClassVar[bool] = False
    """True: ``loss`` compares all clips of an update with each other; it is ``clips_loss`` of
    ``encode_clips``, and the engine gives it the clips' features, made in parts."""
    trains_on_features: ClassVar[bool] = False
    """True: ``encode_frames`` treats every frame on its own and is never trained, and
    ``features_loss`` is ``loss`` of its result: the engine may compute the features of all frames
    of a clip once and train on those that are sampled."""
    refusals: ClassVar[Mapping[tuple[str, str], str]] = {}
    """``(setting, dataset)`` -> why there is no such row; ``"*"`` stands for every one."""
    parity: ClassVar[Mapping[str, str]] = {}
    """Golden case -> which of the case's modes this adapter computes."""

    prompts: tuple[str, ...] = ()
    """The strings given to the tokenizer, in row order; ``set_classes`` sets them."""

    def __init_subclass__(cls, facts: Facts | None = None, **kwargs: Any) -> None:
        """Take the class attributes from ``facts`` where the adapter comes with the project."""
        super().__init_subclass__(**kwargs)
        if facts is not None:
            for item in fields(facts):
                setattr(cls, item.name, getattr(facts, item.name))
        elif "parity" not in vars(cls):
            # What its base computes exactly, a derived method as a rule does not.
            cls.parity = {}

    def __init__(
        self, clip: nn.Module, class_names: Sequence[str], num_frames: int, **options: Any
    ) -> None:
        super().__init__()
        self.class_names = tuple(class_names)
        self.num_frames = num_frames

    @classmethod
    def supports(cls, setting: str, dataset: str) -> str | None:
        """None, or why this method has no row in that setting on that dataset."""
        return refusal(cls.refusals, setting, dataset)

    @abstractmethod
    def set_classes(self, class_names: Sequence[str]) -> None:
        """Score another class list with the same weights (base -> novel, zero-shot)."""

    def kept_names(self) -> tuple[str, ...]:
        """Names of frozen tensors that neither CLIP has nor training makes (random projections).

        A checkpoint holds them beside the trained ones.
        """
        return ()

    def per_class_names(self) -> tuple[str, ...]:
        """Names of trained tensors with a row for each class.

        A training on other classes cannot start from them; ``make_room`` lets them be loaded.
        """
        return ()

    def make_room(self, class_names: Sequence[str]) -> None:
        """Get ready for a checkpoint that was trained on ``class_names``; the engine calls it.

        The classes that are scored stay. Nothing to do unless tensors follow from the classes.
        """

    @abstractmethod
    def encode_text(self) -> Tensor:
        """What ``score`` needs of the class names, [C,E] or the method's own shape.

        Differentiable. The engine calls it once per update in training and once per class list in
        evaluation, and hands the result to every ``forward`` and ``loss``.
        """

    @abstractmethod
    def encode_frames(self, video: Tensor) -> Tensor:
        """Frame features [B,T,E] of ``video`` [B,T,3,H,W], normalised by ``preprocessing``."""

    @abstractmethod
    def score(self, frames: Tensor, text: Tensor) -> Tensor:
        """Scores [B,C] from ``encode_frames`` and ``encode_text``."""

    def forward(self, video: Tensor, text: Tensor | None = None) -> Tensor:
        """What the method classifies by: logits, or log-probabilities, [B,C].

        Args:
            video: [B,T,3,H,W] float, already normalised.
            text: The result of ``encode_text``, or None to compute it here.
        """
        return self.score(self.encode_frames(video), self.encode_text() if text is None else text)

    def loss(self, video: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """Mean loss over the batch, a scalar.

        Args:
            video: [B,T,3,H,W] float, already normalised.
            targets: Class ids [B] (int64) or soft targets [B,C] (float).
            text: The result of ``encode_text``, or None to compute it here.
        """
        logits = self(video, text)
        return torch.nn.functional.cross_entropy(logits.float(), targets)

    def features_loss(self, frames: Tensor, targets: Tensor, text: Tensor | None = None) -> Tensor:
        """What ``loss`` gives for a video with these frame features.

        Only for methods with ``trains_on_features``.

        Args:
            frames: Result of ``encode_frames``, [B,T,E].
            targets: As for ``loss``.
            text: As for ``loss``.
        """
        raise NotImplementedError(f"{self.name} says trains_on_features and has no features_loss")

    def encode_clips(self, video: Tensor) -> Tensor:
        """What ``clips_loss`` needs of clips, [B,...]; each row depends on its own clip alone.

        Only for methods with ``loss_spans_update``.
        """
        raise NotImplementedError(f"{self.name} says loss_spans_update and has no encode_clips")

    def clips_loss(self, clips: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the clips of a whole update, a scalar.

        Only for methods with ``loss_spans_update``.

        Args:
            clips: Result of ``encode_clips`` for every clip of the update.
            targets: Class ids [B], int64.
        """
        raise NotImplementedError(f"{self.name} says loss_spans_update and has no clips_loss")

    def trainable_names(self) -> tuple[str, ...]:
        """Names of the parameters that are trained, in ``named_parameters`` order."""
        return tuple(name for name, p in self.named_parameters() if p.requires_grad)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Groups for the optimiser; together they hold every trainable name once."""
        return [ParameterGroup(self.trainable_names())]

    @abstractmethod
    def load_released(self, source: Path | Mapping[str, Any]) -> KeyReport:
        """Load what the method's authors released; executes no pickled code.

        Args:
            source: The file, or what it holds: tensors by name, with or without the containers
                (``model``, ``state_dict``) and the prefix ``module.`` of the file.

        Raises:
            WeightsError: A tensor is missing, unexpected or has another shape, beyond what the
                method's own allow-list names.
        """

    def original_content(self) -> dict[str, Any]:
        """What the method's authors would have saved with these weights; ``load_released`` of it
        gives them back.

        Raises:
            UsageError: The method has no such layout.
        """
        raise UsageError(
            f"{self.title} has no layout of its authors to be written in",
            next_step=f"give the adapter of {self.name} original_content(); until then the "
            "checkpoint of the training is a safetensors file that any tool reads",
        )

    def freeze_all_but(self, trainable: Iterable[str]) -> None:
        """Make exactly the named parameters trainable.

        Raises:
            ValueError: A name is not a parameter of this method.
        """
        wanted = set(trainable)
        unknown = wanted - {name for name, _ in self.named_parameters()}
        if unknown:
            raise ValueError(f"no such parameters: {sorted(unknown)}")
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name in wanted)
