"""``runs/<name>/plan.json``: what a run set out to measure. Version 1.

The planner writes it before the first job starts, so that a report can tell a number that is
still missing from one that was never asked for. Together with ``jobs/<key>/`` it is all that a
report reads; neither the configuration nor the packages that made the run are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.ground.errors import DataError
from bench.ground.files import write_atomically
from results.run.layout import PLAN

PLAN_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedTrial(_Frozen):
    """One number before averaging, with the jobs that give it.

    Trials that agree on (setting, method, dataset, shots, split) are averaged into one cell;
    how many of them the plan lists is how many the cell expects.
    """

    setting: str
    method: str = Field(description="row name, a key of PlanFile.methods")
    dataset: str = Field(description="a key of PlanFile.datasets")
    split: Literal["-", "base", "novel"] = "-"
    shots: int | None = Field(default=None, description="few-shot K; None: not a few-shot number")
    member: str = Field(description="what it is among those averaged: 'split 1', 'seed 2'")
    evaluation: str = Field(description="key of the evaluation job")
    training: str | None = Field(default=None, description="key of the training; None: as it comes")
    clip_list: str = Field(description="name of the evaluated clip list")
    classes: str = Field(description="name of the class list it is scored against")
    num_frames: int | None = None
    views: str = Field(default="1x1", description="temporal clips x spatial crops")
    metrics: tuple[str, ...] = ("top1", "top5")
    train_data: str = Field(
        default="", description="what it was trained on, 'HMDB-51 16-shot'; 'none': not trained"
    )


class SkippedCell(_Frozen):
    """A cell that does not exist, and why."""

    setting: str
    method: str
    dataset: str
    reason: str


class PlannedMethod(_Frozen):
    """A row of the tables."""

    title: str
    adapter: str
    trains: bool = True
    citation: str = ""
    code: str = Field(default="", description="where the original code is published")
    provenance: Mapping[str, str] = Field(
        default_factory=dict, description="hyper-parameter -> what its value rests on"
    )


class PlannedDataset(_Frozen):
    """A column of the tables."""

    title: str
    synthetic: bool = Field(description="True for the mini world: never beside published numbers")


class PlannedSetting(_Frozen):
    """A table."""

    title: str
    table: str = Field(default="", description="the paper's table, for example 'T2'")
    spread: Literal["splits", "seeds"] = Field(description="what the ± is taken over")
    metrics: dict[str, tuple[str, ...]] = Field(
        default={}, description="dataset -> the metrics that are shown; else top-1"
    )
    column_per_shots: bool = Field(default=False, description="a column for each number of shots")
    split_titles: dict[str, str] = Field(
        default={"base": "Base", "novel": "Novel", "hm": "HM"}, description="headings of columns"
    )
    fact_columns: tuple[str, ...] = Field(default=(), description="shown beside the numbers")
    train_clips: str = Field(default="", description="training clips per class of every row")


class PlannedBackbone(_Frozen):
    """What every method starts from."""

    name: str
    pretraining: str
    weights_sha256: str | None = None


class PlanFile(_Frozen):
    """Everything a report needs to know of a run besides its jobs' records.

    The order of ``methods``, ``datasets`` and ``settings`` is the order of the tables.
    """

    schema_version: Literal[1] = 1
    name: str = Field(description="the run's name")
    created: str = Field(description="UTC, ISO 8601")
    config: str = Field(description="the configuration file, as the user named it")
    command: str = Field(default="", description="command line that made the plan")
    backbone: PlannedBackbone
    settings: dict[str, PlannedSetting]
    methods: dict[str, PlannedMethod]
    datasets: dict[str, PlannedDataset]
    trials: tuple[PlannedTrial, ...]
    skipped: tuple[SkippedCell, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any of its datasets is synthetic."""
        return any(dataset.synthetic for dataset in self.datasets.values())


def write_plan(plan: PlanFile, run: Path) -> Path:
    """Write ``plan.json`` into a run folder: either the old file or the whole new one is there.

    Args:
        plan: The plan.
        run: Run folder; it must exist.

    Returns:
        The written file.
    """
    target = run / PLAN
    write_atomically(target, plan.model_dump_json(indent=1))
    return target


def load_plan(run: Path) -> PlanFile:
    """Read the plan of a run folder.

    Raises:
        DataError: There is no plan, or it is no plan of a version this program reads.
    """
    path = run / PLAN
    try:
        return PlanFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{run} is not a run folder: it has no {PLAN}",
            next_step="name a folder under runs/, or make one with: bench run",
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise DataError(
            f"{path} cannot be read as a plan: {place}: {first['msg']}",
            allowed=f"schema_version {PLAN_VERSION}",
            next_step="make the plan again with: bench run",
        ) from None
