"""What a method says of itself; readable without torch, so that planning stays quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.ground.normalisation import CLIP as CLIP
from bench.ground.normalisation import IMAGENET as IMAGENET

HARD_LABELS = {"label_smoothing": 0.0, "mixup_alpha": 0.0, "cutmix_alpha": 0.0}
FRAMES_AS_THEY_ARE = {"color_jitter": 0.0, "gray_scale": 0.0, "flip": 0.0}
"""Values that recipes share: class labels instead of soft targets, no augmentation of colours."""

ANY = "*"
_FORMS: tuple[tuple[type, tuple[type, ...], str], ...] = (
    (bool, (bool,), "True or False"),
    (int, (int,), "a whole number"),
    (float, (int, float), "a number"),
    (str, (str,), "a text"),
)
"""Kind of a default -> kinds of value that may stand in its place, and what they are called."""


@dataclass(frozen=True)
class Preprocessing:
    """How frames are chosen and made for a method; two methods with equal ones share caches.

    Attributes:
        pipeline: Name of a pipeline (``bench pipelines``): sampling, resizing, cropping and
            training augmentation.
        mean: Subtracted from RGB values in 0..255.
        std: Divided by afterwards.
        options: Values for the pipeline's options, where they are not its defaults; those of a
            recipe win.
    """

    pipeline: str = "vificlip"
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """Where a method comes from and what its hyper-parameters are based on."""

    citation: str
    code: str = ""
    commit: str = ""
    hyper_parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The class attributes of a ``Method`` as data; ``methods.facts(name)`` gives them.

    Attributes:
        name: Name of the adapter.
        title: Name in the tables.
        summary: One line for ``bench methods``.
        origin: Citation, original code and the commit the adapter was checked against.
        preprocessing: Pipeline and normalisation constants.
        options: Options with their defaults.
        choices: Option -> the words it may be, for options that are one of several words.
        trains: False: only evaluated.
        frozen_image_tower: True: ``encode_frames`` never changes in training.
        starts_from: Row name of the method whose source-set checkpoint it starts from.
        loss_couples_clips: True: the loss compares the clips of a batch with each other.
        refusals: ``(setting, dataset)`` -> why there is no such row; ``"*"`` stands for every one.
        parity: Golden case -> which of the case's modes this adapter computes, several with commas
            (``""``: its only one).
    """

    name: str
    title: str
    summary: str
    origin: Origin
    preprocessing: Preprocessing = Preprocessing()
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trains: bool = True
    frozen_image_tower: bool = False
    starts_from: str | None = None
    loss_couples_clips: bool = False
    refusals: Mapping[tuple[str, str], str] = field(default_factory=dict)
    parity: Mapping[str, str] = field(default_factory=dict)

    def supports(self, setting: str, dataset: str) -> str | None:
        """None, or why this method has no row in that setting on that dataset."""
        return refusal(self.refusals, setting, dataset)


def wanted_form(
    options: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]], option: str, value: object
) -> str | None:
    """None where an option may have this value, else what it may be.

    Args:
        options: The adapter's options with their defaults; a default tells the kind of its option.
        choices: Option -> the words it may be.
        option: One of ``options``.
        value: What is asked for.
    """
    if option in choices:
        return None if value in choices[option] else ", ".join(choices[option])
    for kind, allowed, form in _FORMS:
        if isinstance(options[option], kind):
            number = isinstance(value, allowed) and isinstance(value, bool) == (kind is bool)
            return None if number else form
    return None


def refusal(refusals: Mapping[tuple[str, str], str], setting: str, dataset: str) -> str | None:
    """The reason that applies to a cell, the most specific first, or None."""
    for key in ((setting, dataset), (setting, ANY), (ANY, dataset)):
        if key in refusals:
            return refusals[key]
    return None
