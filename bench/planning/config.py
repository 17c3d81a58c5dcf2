"""What a configuration states: backbone, rows, datasets, settings, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

import settings as settings_room
from bench.data.datasets import CATALOGUE
from bench.data.datasets.base import DatasetSpec, own_dataset
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.label_choice import LabelChoice
from bench.ground.byte_sizes import parse_bytes
from bench.ground.errors import ConfigError, nearest
from bench.ground.frozen import Frozen
from bench.planning.jobs import TrainPolicy
from bench.planning.recipe import Recipe


class BackboneConfig(Frozen):
    """Which CLIP every method starts from."""

    model: str = Field(description="open_clip model name, or path of a model configuration")
    weights: str | None = Field(default=None, description="path of the weights file")
    quick_gelu: bool | None = Field(default=None, description="None: decided by the weights")
    pretraining: str = Field(default="", description="what the weights were trained on")


class MethodConfig(Frozen):
    """One row of the tables."""

    adapter: str
    options: dict[str, Any] = {}
    setting_options: dict[str, dict[str, Any]] = Field(
        default={}, description="setting -> options that replace those above there"
    )
    title: str | None = None
    settings: tuple[str, ...] = Field(
        default=(), description="where it runs, unless a setting names its rows; empty: everywhere"
    )
    starts_from: str | None = Field(default=None, description="row whose checkpoint it starts from")
    recipe_of: str | None = Field(
        default=None, description="row whose recipe rules hold for this one too, before its own"
    )
    released: str | None = Field(
        default=None, description="a released checkpoint that is scored as it is, never trained"
    )
    starts_from_released: str | None = Field(
        default=None, description="a released checkpoint that its trainings start from"
    )
    note: str = Field(default="", description="shown with the row, for example what is inferred")


class SettingConfig(Frozen):
    """Which cells of a setting are run."""

    datasets: tuple[str, ...]
    methods: tuple[str, ...] | None = Field(
        default=None, description="None: every row that does not say otherwise"
    )
    options: dict[str, Any] = {}
    table: str | None = Field(
        default=None,
        pattern=r"^T\d+$",
        description="the paper's table it stands for, where that is not the setting's own",
    )
    title: str | None = Field(default=None, description="heading in the reports")


class RecipeRule(Frozen):
    """Values for some cells; later rules win. Empty conditions match everything."""

    settings: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    values: dict[str, Any]
    source: str = Field(default="", description="where the values come from")

    def matches(self, *, rows: Sequence[str], setting: str, dataset: str) -> bool:
        """Whether the rule applies to a cell of any of the rows."""
        conditions = ((self.settings, [setting]), (self.methods, rows), (self.datasets, [dataset]))
        return all(not allowed or set(values) & set(allowed) for allowed, values in conditions)


class RunConfig(Frozen):
    """A whole configuration."""

    name: str
    summary: str = ""
    backbone: BackboneConfig
    methods: dict[str, MethodConfig]
    datasets: dict[str, DatasetConfig]
    settings: dict[str, SettingConfig]
    only: tuple[str, ...] = Field(default=(), description="settings to keep; empty: all of them")
    recipes: dict[str, RecipeRule]
    policy: Literal["error", "count-as-wrong", "exclude"] = Field(
        default="error", description="clips that cannot be scored"
    )
    train_policy: TrainPolicy = Field(
        default="error", description="clips that cannot be trained on"
    )
    labels: LabelChoice = Field(
        default="paper", description="class names: of the label files as they are, or put right"
    )
    allow_overlap: bool = Field(
        default=False, description="score clips that were trained on; recorded, never ranked"
    )
    cache: str = Field(default="runs/cache", description="frames, features, lists, mini world")
    cache_frames: bool = Field(
        default=True, description="keep decoded test frames; features are kept in any case"
    )
    cache_limit: int | None = Field(
        default=None,
        ge=0,
        description="bytes of each of the three caches (test frames, their features, features of "
        "all frames of training clips), for example '50G'; None: half of the disk's free space",
    )
    workers: int = Field(default=0, ge=0, description="decoding processes a job")
    threads: int = Field(default=1, ge=1, description="torch threads a job on CPU")
    plugins: tuple[str, ...] = ()
    path: str = ""

    @field_validator("cache_limit", mode="before")
    @classmethod
    def _bytes(cls, given: object) -> object:
        return parse_bytes(given) if isinstance(given, str) else given

    @property
    def catalogue(self) -> dict[str, DatasetSpec]:
        """The datasets of the benchmark and those that this configuration brings along."""
        own = {
            name: own_dataset(name, dataset.title)
            for name, dataset in self.datasets.items()
            if dataset.title is not None and name not in CATALOGUE
        }
        return {**CATALOGUE, **own}

    def recipe_for(self, row: str, setting: str, dataset: str) -> Recipe:
        """The recipe of one cell; ``sources`` says which rule each value comes from.

        Raises:
            ConfigError: The merged values are no valid recipe.
        """
        like = self.methods[row].recipe_of
        rows = (row,) if like is None else (like, row)
        values: dict[str, Any] = {}
        options: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for name, rule in self.recipes.items():
            if rule.matches(rows=rows, setting=setting, dataset=dataset):
                values.update(rule.values)
                if isinstance(given := rule.values.get("pipeline_options"), Mapping):
                    options.update(given)
                    values["pipeline_options"] = dict(options)
                sources.update(dict.fromkeys(rule.values, rule.source or name))
        try:
            return Recipe(**values, sources=sources)
        except ValidationError as error:
            where = f"recipe of {row} / {setting} / {dataset}"
            raise ConfigError(
                validation_messages(error, where, values), source=self.path
            ) from error

    def options_for(self, row: str, setting: str) -> dict[str, Any]:
        """The adapter's options of a row in one setting, where given."""
        chosen = self.methods[row]
        return {**chosen.options, **chosen.setting_options.get(setting, {})}

    def table_of(self, setting: str) -> str:
        """The paper's table that a setting's numbers stand for, for example ``T3``."""
        return self.settings[setting].table or settings_room.get(setting).table

    def setting_options(self, setting: str) -> dict[str, Any]:
        """The setting's options with the configuration's values put in."""
        return {**settings_room.get(setting).options, **self.settings[setting].options}

    def rows(self, setting: str) -> tuple[str, ...]:
        """The rows that run in a setting."""
        chosen = self.settings[setting].methods
        if chosen is not None:
            return chosen
        return tuple(
            row
            for row, method in self.methods.items()
            if setting in (method.settings or (setting,))
        )


def validation_messages(error: ValidationError, prefix: str, tree: Mapping[str, Any]) -> list[str]:
    """One line a problem: the dotted key, what is wrong, what was got."""
    lines = []
    for problem in error.errors():
        location = ".".join(str(part) for part in problem["loc"])
        where = ": ".join(part for part in (prefix, location) if part)
        if problem["type"] == "extra_forbidden":
            fields = _fields_at(problem["loc"][:-1])
            guess = nearest(str(problem["loc"][-1]), fields)
            hint = f"; did you mean '{guess}'?" if guess else f"; allowed: {', '.join(fields)}"
            lines.append(f"{where}: unknown key{hint}")
        elif problem["type"] == "missing":
            lines.append(f"{where}: missing")
        else:
            lines.append(f"{where}: {problem['msg']} (got {problem['input']!r})")
    return lines


def _fields_at(location: Sequence[Any]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "backbone": BackboneConfig,
        "methods": MethodConfig,
        "datasets": DatasetConfig,
        "settings": SettingConfig,
        "recipes": RecipeRule,
    }
    model = sections.get(str(location[0])) if location else RunConfig
    return list((model or Recipe).model_fields)
