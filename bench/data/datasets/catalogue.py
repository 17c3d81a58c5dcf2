"""What datasets there are and which named lists each setting uses.

A dataset's clips, lists and label files lie where the configuration says; the catalogue only
holds names. Clip lists: ``train``, ``val``, ``val1`` … ``val3``, ``few_shot_<K>``,
``base_train_s<n>``, ``base_val``, ``novel_val``, ``zero_shot_<n>``. Class lists: ``all``,
``base``, ``novel``, ``zero_shot_<n>``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class NamedList:
    """A clip list scored against (or trained with) a class list."""

    clips: str
    classes: str = "all"


@dataclass(frozen=True)
class Protocol:
    """Which lists one setting uses on one dataset.

    Attributes:
        train: What is trained on; ``{shots}`` and ``{repeat}`` are filled in. None: the setting
            trains on its source set.
        evaluate: What is scored: ``-`` -> one or several lists averaged, or ``base``/``novel``.
        shots: The numbers of clips a class, for settings that have them.
        repeats: How many draws of the training list there are.
    """

    train: NamedList | None
    evaluate: MappingProxyType[str, tuple[NamedList, ...]]
    shots: tuple[int, ...] = ()
    repeats: int = 1


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset of the benchmark.

    Attributes:
        name: Identifier on the command line, for example ``hmdb51``.
        title: Name in the tables, for example ``HMDB-51``.
        settings: Setting name -> lists it uses.
        synthetic: True for the mini world; its numbers never stand beside published ones.
        summary: One line for ``bench datasets``.
    """

    name: str
    title: str
    settings: MappingProxyType[str, Protocol] = field(default_factory=lambda: MappingProxyType({}))
    synthetic: bool = False
    summary: str = ""


def _lists(*clips: str, classes: str = "all") -> tuple[NamedList, ...]:
    return tuple(NamedList(name, classes) for name in clips)


def _evaluate(**parts: tuple[NamedList, ...]) -> MappingProxyType[str, tuple[NamedList, ...]]:
    return MappingProxyType(
        {("-" if key == "whole" else key): value for key, value in parts.items()}
    )


def _base_to_novel() -> Protocol:
    return Protocol(
        train=NamedList("base_train_s{repeat}", "base"),
        evaluate=_evaluate(
            base=_lists("base_val", classes="base"), novel=_lists("novel_val", classes="novel")
        ),
        shots=(16,),
        repeats=3,
    )


def _few_shot(evaluated: str) -> Protocol:
    return Protocol(
        train=NamedList("few_shot_{shots}"),
        evaluate=_evaluate(whole=_lists(evaluated)),
        shots=(2, 4, 8, 16),
    )


def _three_splits() -> Protocol:
    return Protocol(train=None, evaluate=_evaluate(whole=_lists("val1", "val2", "val3")))


def _three_class_draws() -> Protocol:
    draws = tuple(NamedList(f"zero_shot_{n}", f"zero_shot_{n}") for n in (1, 2, 3))
    return Protocol(train=None, evaluate=_evaluate(whole=draws))


def _full() -> Protocol:
    return Protocol(train=NamedList("train"), evaluate=_evaluate(whole=_lists("val")))


def _five(prefix: str, *, title: str, synthetic: bool) -> dict[str, DatasetSpec]:
    """The five datasets of the paper, or their counterparts of the mini world."""

    def spec(name: str, label: str, summary: str, **settings: Protocol) -> DatasetSpec:
        return DatasetSpec(
            name=prefix + name,
            title=title + label,
            settings=MappingProxyType({k.replace("_", "-"): v for k, v in settings.items()}),
            synthetic=synthetic,
            summary=summary,
        )

    specs = [
        spec(
            "kinetics400",
            "K400",
            "source set; base-to-novel and fully-supervised",
            base_to_novel=_base_to_novel(),
            fully_supervised=_full(),
        ),
        spec(
            "kinetics600",
            "K600",
            "classes that the source set lacks, three draws; zero-shot",
            zero_shot=_three_class_draws(),
        ),
        *(
            spec(
                name,
                label,
                "three official splits; zero-shot, base-to-novel, few-shot",
                zero_shot=_three_splits(),
                base_to_novel=_base_to_novel(),
                few_shot=_few_shot("val1"),
            )
            for name, label in (("hmdb51", "HMDB-51"), ("ucf101", "UCF-101"))
        ),
        spec(
            "ssv2",
            "SSv2",
            "order-sensitive; base-to-novel, few-shot",
            base_to_novel=_base_to_novel(),
            few_shot=_few_shot("val"),
        ),
    ]
    return {item.name: item for item in specs}


CATALOGUE: MappingProxyType[str, DatasetSpec] = MappingProxyType(
    {
        **_five("", title="", synthetic=False),
        "msrvtt": DatasetSpec(
            name="msrvtt", title="MSR-VTT", summary="captions, for retrieval; in no setting yet"
        ),
        **_five("mini-", title="mini-", synthetic=True),
    }
)


def stems_name_clips(dataset: str) -> bool:
    """Whether a clip's file name is its own whatever folder it lies in.

    So it is in the datasets of the catalogue, whose publishers named the clips. In a dataset of
    somebody's own, the clips of each folder may be called ``0001.mp4`` and so on.
    """
    return dataset in CATALOGUE


def own_dataset(name: str, title: str) -> DatasetSpec:
    """A dataset that a configuration brings along: every setting, one evaluation list ``val``.

    Args:
        name: Its name in the configuration.
        title: Its name in the tables.
    """
    return DatasetSpec(
        name=name,
        title=title,
        settings=MappingProxyType(
            {
                "zero-shot": Protocol(train=None, evaluate=_evaluate(whole=_lists("val"))),
                "base-to-novel": _base_to_novel(),
                "few-shot": _few_shot("val"),
                "fully-supervised": _full(),
            }
        ),
        summary="a dataset of the configuration",
    )
