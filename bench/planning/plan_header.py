"""What ``plan.json`` says besides its trials: titles, provenance and the order of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import settings as settings_room
from bench.clip.backbone_ref import BackboneRef
from bench.data.datasets.base import DatasetSpec
from bench.planning.config import RunConfig
from bench.planning.load_config import CONFIGS
from bench.planning.row_facts import RowFacts
from bench.planning.selection import Cell
from results.run.plan_file import (
    PlanFile,
    PlannedBackbone,
    PlannedDataset,
    PlannedMethod,
    PlannedSetting,
    PlannedTrial,
    SkippedCell,
)
from settings.base import Setting


def plan_file(
    config: RunConfig,
    rows: Mapping[str, RowFacts],
    backbone: BackboneRef,
    cells: Sequence[Cell],
    command: str,
) -> PlanFile:
    """A plan without trials for the cells that were asked for.

    Args:
        config: The configuration.
        rows: The rows that occur in ``cells``, in the order of the tables.
        backbone: What every row starts from.
        cells: What was asked for.
        command: The command line.
    """
    shown = {cell.setting: settings_room.get(cell.setting) for cell in cells}
    columns = {cell.dataset for cell in cells}
    catalogue = config.catalogue
    return PlanFile(
        name=config.name,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        config=_short(Path(config.path)),
        command=command,
        backbone=PlannedBackbone(
            name=Path(backbone.model).stem,
            pretraining=backbone.pretraining,
            weights_sha256=backbone.weights_sha256,
        ),
        settings={
            name: planned_setting(
                item,
                [catalogue[cell.dataset] for cell in cells if cell.setting == name],
                title=config.settings[name].title,
                table=config.table_of(name),
            )
            for name, item in shown.items()
        },
        methods={name: _method(config, row) for name, row in rows.items()},
        datasets={
            name: PlannedDataset(title=catalogue[name].title, synthetic=catalogue[name].synthetic)
            for name in config.datasets
            if name in columns
        },
        trials=(),
    )


def planned_setting(
    setting: Setting,
    datasets: Iterable[DatasetSpec],
    *,
    title: str | None = None,
    table: str | None = None,
) -> PlannedSetting:
    """What reports need to know of a setting, as data: they work where it is not installed.

    Args:
        setting: The setting.
        datasets: Those that have a cell in its table.
        title: Heading instead of its own.
        table: The paper's table that it stands for, instead of its own.
    """
    return PlannedSetting(
        title=title or setting.title,
        table=setting.table if table is None else table,
        spread=setting.spread,
        metrics={dataset.name: setting.metrics_for(dataset) for dataset in datasets},
        column_per_shots=setting.column_per_shots,
        split_titles=dict(setting.split_titles),
        fact_columns=setting.fact_columns,
        train_clips=setting.train_clips,
    )


def _short(path: Path) -> str:
    """A configuration of the project by its place there, another one by its whole path."""
    shipped = CONFIGS.parent
    return str(path.relative_to(shipped)) if path.is_relative_to(CONFIGS) else str(path)


def _method(config: RunConfig, row: RowFacts) -> PlannedMethod:
    chosen, facts = config.methods[row.name], row.facts
    provenance = dict(facts.origin.hyper_parameters)
    if chosen.note:
        provenance["note"] = chosen.note
    for what, path in (
        ("released checkpoint, scored as it is", row.released),
        ("trainings start from the released checkpoint", row.starts_from_released),
    ):
        if path is not None:
            provenance[what] = Path(path).name
    return PlannedMethod(
        title=chosen.title or facts.title,
        adapter=chosen.adapter,
        trains=row.trains,
        citation=facts.origin.citation,
        code=facts.origin.code,
        provenance=provenance,
    )


def merged(old: PlanFile, new: PlanFile) -> PlanFile:
    """A run's plan after a further part of its matrix was planned: ``new`` wins where both speak.

    Titles keep the order of ``old``, what only ``new`` has comes last.
    """

    def place(trial: PlannedTrial) -> tuple[object, ...]:
        return (trial.setting, trial.method, trial.dataset)

    def cell(item: SkippedCell) -> tuple[object, ...]:
        return (item.setting, item.method, item.dataset)

    replaced = {place(t) for t in new.trials} | {cell(s) for s in new.skipped}
    return new.model_copy(
        update={
            "settings": {**old.settings, **new.settings},
            "methods": {**old.methods, **new.methods},
            "datasets": {**old.datasets, **new.datasets},
            "trials": (*(t for t in old.trials if place(t) not in replaced), *new.trials),
            "skipped": (*(s for s in old.skipped if cell(s) not in replaced), *new.skipped),
        }
    )
