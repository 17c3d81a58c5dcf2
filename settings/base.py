"""The contract of a setting: how one cell of the matrix becomes trials.

A setting knows which clips and which class names a method is trained on and scored on. It knows
no tensors, no files and no machine: clip lists and class lists are named, and the dataset
catalogue says which names a dataset has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from bench.data.datasets.base import DatasetSpec

Split = Literal["-", "base", "novel"]


class MethodFacts(Protocol):
    """What a setting may know of a method."""

    @property
    def name(self) -> str:
        """Row name, for example ``vifi-clip``."""
        ...

    @property
    def trains(self) -> bool:
        """False for a method that is only evaluated (vanilla CLIP)."""
        ...

    @property
    def starts_from(self) -> str | None:
        """Row name of the method whose source-set checkpoint it starts from, or None."""
        ...

    def supports(self, setting: str, dataset: str) -> str | None:
        """None, or the reason why the method cannot do this."""
        ...


@dataclass(frozen=True)
class Views:
    """Views a clip at test time: temporal clips times spatial crops."""

    clips: int = 1
    crops: int = 1

    def __str__(self) -> str:
        return f"{self.clips}x{self.crops}"


@dataclass(frozen=True)
class Training:
    """What to train: equal Trainings are trained once, whichever trials need them.

    Attributes:
        method: Row name of the method.
        dataset: Dataset the clips come from.
        clip_list: Named clip list of that dataset.
        classes: Named class list of that dataset.
        setting: Whose recipe is used.
        shots: Clips a class, or None for all.
        repeat: 1-based number of the draw; the seed is derived from it.
        starts_from: The training whose checkpoint it is initialised with, or None for CLIP.
    """

    method: str
    dataset: str
    clip_list: str
    classes: str
    setting: str
    shots: int | None = None
    repeat: int = 1
    starts_from: Training | None = None


@dataclass(frozen=True)
class Evaluation:
    """What to score: a named clip list against a named class list.

    ``views`` None: as the method's recipe for the setting says.
    """

    dataset: str
    clip_list: str
    classes: str
    views: Views | None = None
    metrics: tuple[str, ...] = ("top1", "top5")


@dataclass(frozen=True)
class Trial:
    """One number before averaging: one evaluation of one training (or of CLIP itself).

    Attributes:
        setting: Name of the setting.
        method: Row name of the method.
        dataset: Name of the evaluated dataset (the column it appears in).
        split: ``base`` or ``novel`` in base-to-novel, else ``-``.
        shots: Few-shot K, or None.
        member: What this trial is among those averaged, for example ``split 2`` or ``seed 1``.
        training: What is trained first; None means the weights as they come.
        evaluation: What is scored.
    """

    setting: str
    method: str
    dataset: str
    split: Split
    shots: int | None
    member: str
    training: Training | None
    evaluation: Evaluation


def fill(template: str, *, shots: int | None, repeat: int) -> str:
    """A list name with its ``{shots}`` and ``{repeat}`` filled in."""
    return template.format(shots=shots, repeat=repeat)


def source_training(
    method: str, *, options: Mapping[str, Any], starts_from: Training | None = None
) -> Training:
    """The training on the source set that zero-shot evaluations and bridges share."""
    return Training(
        method=method,
        dataset=options["source"],
        clip_list=options["source_list"],
        classes=options["source_classes"],
        setting="zero-shot",
        starts_from=starts_from,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_counts(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_count, value))


OptionForm = tuple[Callable[[object], bool], str]
"""Whether an option may have a value, and what it may be, in words."""

FORMS: Mapping[str, OptionForm] = {
    "source": (_is_text, "the name of a dataset"),
    "source_list": (_is_text, "the name of a clip list"),
    "source_classes": (_is_text, "the name of a class list"),
    "shots": (
        lambda value: value is None or _is_counts(value),
        "a list of whole numbers from 1, for example [2, 4], or None: the dataset's own",
    ),
    "repeats": (
        lambda value: value is None or _is_count(value),
        "a whole number from 1, or None: the dataset's own",
    ),
}
"""The options that settings share."""

SPLIT_TITLES: Mapping[str, str] = {"base": "Base", "novel": "Novel", "hm": "HM"}


class Setting(ABC):
    """One experimental protocol, for example base-to-novel generalisation."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    table: ClassVar[str] = ""
    """The paper's table that shows it, for example ``T2``."""
    spread: ClassVar[Literal["splits", "seeds"]]
    """What the ± of its numbers is taken over."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options with their defaults."""
    forms: ClassVar[Mapping[str, OptionForm]] = FORMS
    """What each option may be; an option that is not named may be anything."""

    metrics: ClassVar[tuple[str, ...]] = ("top1",)
    """What its table shows of each number."""
    column_per_shots: ClassVar[bool] = False
    """Whether its table has a column for each number of shots."""
    split_titles: ClassVar[Mapping[str, str]] = SPLIT_TITLES
    """Split -> heading of its column; ``hm`` is the harmonic mean of base and novel."""
    fact_columns: ClassVar[tuple[str, ...]] = ()
    """Facts that its table shows beside the numbers: ``Frames``, ``Views``."""
    train_clips: ClassVar[str] = ""
    """Training clips per class, where every trained row has the same: ``0``, ``all``."""

    def wanted_form(self, option: str, value: object) -> str | None:
        """None where an option may have this value, else what it may be."""
        fits, form = self.forms.get(option, (lambda _: True, ""))
        return None if fits(value) else form

    def metrics_for(self, dataset: DatasetSpec) -> tuple[str, ...]:
        """What the table shows of each number on a dataset."""
        return self.metrics

    def skip(self, method: MethodFacts, dataset: DatasetSpec) -> str | None:
        """None, or the reason why this cell does not exist."""
        reason = method.supports(self.name, dataset.name)
        if reason is not None:
            return reason
        if self.name not in dataset.settings:
            return f"{dataset.title} has no {self.name} protocol"
        return None

    @abstractmethod
    def trials(
        self,
        method: MethodFacts,
        dataset: DatasetSpec,
        catalogue: Mapping[str, DatasetSpec],
        options: Mapping[str, Any],
    ) -> list[Trial]:
        """The trials of one (method, dataset) cell; call only where ``skip`` gave None."""
