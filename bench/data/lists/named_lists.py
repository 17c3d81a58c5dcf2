"""Which named lists of a dataset there are, and which of them settings train on and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.datasets.base import DatasetSpec, NamedList, SettingLists
from bench.data.lists.derive import rule_for
from bench.ground.errors import UsageError

if TYPE_CHECKING:
    from bench.data.lists.dataset_config import DatasetConfig


@dataclass(frozen=True)
class TrainedPair:
    """A list that a setting trains on and one that it then scores, of the same dataset."""

    setting: str
    train: NamedList
    evaluate: NamedList


def trained_pairs(spec: DatasetSpec) -> tuple[TrainedPair, ...]:
    """Every training list of a dataset with every list that is scored after it."""
    return tuple(
        TrainedPair(setting, train, evaluate)
        for setting, protocol in spec.settings.items()
        for train in _train_lists(protocol)
        for part in protocol.evaluate.values()
        for evaluate in part
    )


def named_lists(spec: DatasetSpec, config: DatasetConfig) -> tuple[NamedList, ...]:
    """The lists that settings use, then those that only the configuration names."""
    found: dict[str, NamedList] = {}
    for protocol in spec.settings.values():
        for item in (item for part in protocol.evaluate.values() for item in part):
            found.setdefault(item.clips, item)
        for item in _train_lists(protocol):
            found.setdefault(item.clips, item)
    for name in config.lists:
        found.setdefault(name, NamedList(name, _classes_by_rule(name)))
    return tuple(found.values())


def _train_lists(protocol: SettingLists) -> list[NamedList]:
    if protocol.train is None:
        return []
    names = {
        protocol.train.clips.format(shots=shots, repeat=repeat)
        for shots in protocol.shots or (0,)
        for repeat in range(1, protocol.repeats + 1)
    }
    in_order = sorted(names, key=lambda name: (len(name), name))
    return [NamedList(name, protocol.train.classes) for name in in_order]


def _classes_by_rule(clip_list: str) -> str:
    try:
        return rule_for(clip_list).classes
    except UsageError:
        return "all"  # a list of the user's own
