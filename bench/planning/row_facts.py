"""A row of the tables: an adapter's facts under the name that the configuration gives it."""

from __future__ import annotations

from dataclasses import dataclass

import methods as methods_room
from bench.planning.config import RunConfig
from methods.facts import Facts


@dataclass(frozen=True)
class RowFacts:
    """What a setting may know of a row (``settings.base.MethodFacts``), and the rest.

    Attributes:
        name: Name of the row.
        facts: What its adapter says of itself.
        starts_from: Row whose source-set checkpoint it starts from, or None.
        released: A released checkpoint that is scored as it is, or None.
        starts_from_released: A released checkpoint that its trainings start from, or None.
    """

    name: str
    facts: Facts
    starts_from: str | None
    released: str | None = None
    starts_from_released: str | None = None

    @property
    def trains(self) -> bool:
        """False for a row that is only evaluated."""
        return self.facts.trains and self.released is None

    def supports(self, setting: str, dataset: str) -> str | None:
        """None, or the reason why the method cannot do this."""
        return self.facts.supports(setting, dataset)


def row_facts(config: RunConfig, row: str) -> RowFacts:
    """The facts of a row of a configuration.

    Raises:
        UsageError: Its adapter does not exist or is broken.
    """
    chosen = config.methods[row]
    facts = methods_room.facts(chosen.adapter)
    no_training = chosen.released is not None or chosen.starts_from_released is not None
    return RowFacts(
        row,
        facts,
        starts_from=None if no_training else chosen.starts_from or facts.starts_from,
        released=chosen.released,
        starts_from_released=chosen.starts_from_released,
    )
