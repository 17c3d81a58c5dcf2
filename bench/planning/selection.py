"""Which part of the matrix the command line names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import settings as settings_room
from bench.data.datasets import CATALOGUE
from bench.ground.errors import UsageError, unknown_name
from bench.planning.config import RunConfig


@dataclass(frozen=True)
class Cell:
    """One (setting, dataset, method) of the matrix."""

    setting: str
    dataset: str
    method: str


@dataclass(frozen=True)
class Selection:
    """What was asked for; an empty tuple stands for everything.

    Attributes:
        methods: Row names.
        settings: Setting names.
        datasets: Names of evaluated datasets.
        tables: The paper's tables, for example ``2``.
    """

    methods: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tables: tuple[int, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing was named."""
        return not (self.methods or self.settings or self.datasets or self.tables)

    def cells(self, config: RunConfig) -> list[Cell]:
        """The cells of a configuration that were asked for, in the order of the tables.

        Raises:
            UsageError: A name is unknown, or no cell has all the names.
        """
        _known("method", self.methods, config.methods)
        _known("setting", self.settings, config.settings)
        for name in self.datasets:
            if name in CATALOGUE and name not in config.datasets:
                raise _elsewhere(name, config)
        _known("dataset", self.datasets, config.datasets)
        chosen = self._settings(config)
        found = [
            Cell(setting, dataset, method)
            for setting in chosen
            for dataset in config.settings[setting].datasets
            for method in config.rows(setting)
            if dataset in (self.datasets or (dataset,)) and method in (self.methods or (method,))
        ]
        if not found:
            columns = [f"{name}: {', '.join(config.settings[name].datasets)}" for name in chosen]
            raise UsageError(
                "no cell of the configuration fits the selection",
                got=self,
                allowed="\n           ".join(columns),
            )
        return found

    def _settings(self, config: RunConfig) -> list[str]:
        of_table = {config.table_of(name): name for name in config.settings}
        for number in self.tables:
            if f"T{number}" not in of_table:
                raise _no_table(number, config.name, [table[1:] for table in of_table])
        named = {*self.settings, *(of_table[f"T{number}"] for number in self.tables)}
        if self.settings and self.tables:
            named = set(self.settings) & {of_table[f"T{number}"] for number in self.tables}
        return [
            name
            for name in settings_room.names()
            if name in config.settings and (name in named or not (self.settings or self.tables))
        ]

    def __str__(self) -> str:
        parts: list[tuple[str, Sequence[object]]] = [
            ("--method", self.methods),
            ("--setting", self.settings),
            ("--dataset", self.datasets),
            ("--table", self.tables),
        ]
        return " ".join(f"{flag} {value}" for flag, values in parts for value in values) or "--all"


def _elsewhere(dataset: str, config: RunConfig) -> UsageError:
    """A dataset that other configurations have."""
    other = "mini" if CATALOGUE[dataset].synthetic else "paper"
    return UsageError(
        f"dataset '{dataset}' is not in configuration '{config.name}'",
        allowed=", ".join(sorted(config.datasets)),
        next_step=f"--config {other}" if other != config.name else None,
    )


def _no_table(number: int, config: str, allowed: Sequence[str]) -> UsageError:
    """Some tables of the paper have configurations of their own; those are named."""
    from bench.planning.load_config import CONFIGS

    others = sorted(file.stem for file in CONFIGS.glob(f"*table{number}.py"))
    return UsageError(
        f"configuration '{config}' has no table {number}",
        allowed=", ".join(allowed),
        next_step=" or ".join(f"--config {name}" for name in others) or None,
    )


def _known(kind: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    choices = list(allowed)
    for name in names:
        if name not in choices:
            raise unknown_name(kind, name, choices)
