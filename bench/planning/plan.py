"""From a configuration and a selection to trials and jobs. Nothing is run, torch is not imported.

Every trial becomes an evaluation job and, where it trains, a training job that the evaluation has
as its parent. Jobs are known by the hash of their content, so that equal trainings are one job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import methods as methods_room
import settings as settings_room
from bench.clip.architectures import architecture
from bench.clip.backbone_ref import BackboneRef
from bench.clip.weights import file_sha256
from bench.data.lists.clip_lists import check_disjoint
from bench.data.lists.clips_ref import ClipsRef
from bench.data.lists.sources import DatasetSource, MissingDataError
from bench.data.pipelines import EXTENSIONS as PIPELINES
from bench.ground.errors import ConfigError
from bench.ground.seeds import derive_seed
from bench.metrics import metrics_code_sha256
from bench.planning import graph
from bench.planning.config import RunConfig
from bench.planning.jobs import EvaluateJob, MethodRef, ReleasedRef, TrainJob
from bench.planning.plan_header import plan_file
from bench.planning.preprocessing import preprocessing_ref
from bench.planning.recipe import Recipe
from bench.planning.row_facts import RowFacts, row_facts
from bench.planning.selection import Cell, Selection
from results.run.plan_file import PlanFile, PlannedTrial, SkippedCell
from settings.base import Training, Trial


@dataclass(frozen=True)
class Plan:
    """What is to be measured and the jobs that measure it.

    Attributes:
        file: Trials, skipped cells and titles, as ``plan.json`` keeps them.
        jobs: Every job by its key, parents before children.
        parents: Key -> keys of the jobs whose results it needs.
        needs: Key -> what must be there before it can run, for jobs that lack data or weights.
    """

    file: PlanFile
    jobs: Mapping[str, TrainJob | EvaluateJob]
    parents: graph.Parents
    needs: Mapping[str, tuple[str, ...]]


def make_plan(config: RunConfig, selection: Selection, *, command: str = "") -> Plan:
    """Work out the trials and jobs of a selection.

    Args:
        config: A validated configuration.
        selection: Which cells of it.
        command: The command line, kept in ``plan.json``.

    Raises:
        UsageError: The selection names something unknown.
        DataError: Lists or labels that are there do not fit together.
    """
    cells = selection.cells(config)
    builder = _Builder(config)
    trials: list[PlannedTrial] = []
    skipped: list[SkippedCell] = []
    for cell in cells:
        reason = builder.skip(cell)
        if reason is not None:
            skipped.append(SkippedCell(**vars(cell), reason=reason))
        else:
            trials += [builder.add(trial) for trial in builder.trials(cell)]
    order = graph.ordered(builder.parents)
    rows = {row: builder.row(row) for row in config.methods if row in {c.method for c in cells}}
    return Plan(
        file=plan_file(config, rows, builder.backbone, cells, command).model_copy(
            update={"trials": tuple(trials), "skipped": tuple(skipped)}
        ),
        jobs={key: builder.jobs[key] for key in order},
        parents=builder.parents,
        needs={key: builder.needs[key] for key in order if key in builder.needs},
    )


def absolute(path: str) -> str:
    """A path that means the same in every process."""
    return str(Path(path).expanduser().absolute())


@dataclass
class _Builder:
    config: RunConfig
    jobs: dict[str, TrainJob | EvaluateJob] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cache = Path(absolute(self.config.cache))
        self.catalogue = self.config.catalogue
        self.plugins = tuple(absolute(plugin) for plugin in self.config.plugins)
        self.backbone, self.weights_needed = backbone_of(self.config)
        # A plan asks for the same code hundreds of times.
        self._method_code = cache(methods_room.EXTENSIONS.code_sha256)
        self._pipeline_code = cache(PIPELINES.code_sha256)
        self._metrics_code = cache(metrics_code_sha256)
        self._facts: dict[str, RowFacts] = {}
        self._methods: dict[tuple[str, str], MethodRef] = {}
        self._recipes: dict[tuple[str, str, str], Recipe] = {}
        self._clips: dict[tuple[str, str, str], tuple[ClipsRef, str | None]] = {}
        self._trained: dict[Training, str] = {}
        self._sources: dict[str, DatasetSource] = {}
        self._overlaps: dict[tuple[str, str], frozenset[str]] = {}

    def row(self, name: str) -> RowFacts:
        if name not in self._facts:
            self._facts[name] = row_facts(self.config, name)
        return self._facts[name]

    def skip(self, cell: Cell) -> str | None:
        return settings_room.get(cell.setting).skip(
            self.row(cell.method), self.catalogue[cell.dataset]
        )

    def trials(self, cell: Cell) -> list[Trial]:
        row = self.row(cell.method)
        if row.starts_from is not None and row.starts_from not in self.config.methods:
            raise ConfigError(
                [
                    f"methods.{row.name}: it starts from the row '{row.starts_from}', which the "
                    "configuration does not have"
                ],
                source=self.config.path,
            )
        return settings_room.get(cell.setting).trials(
            row,
            self.catalogue[cell.dataset],
            self.catalogue,
            self.config.setting_options(cell.setting),
        )

    def add(self, trial: Trial) -> PlannedTrial:
        """The jobs of one trial, and its line of ``plan.json``."""
        parent = None if trial.training is None else self._training(trial.training)
        wanted = trial.evaluation
        recipe = self._recipe(trial.method, trial.setting, trial.dataset)
        if wanted.views is not None:
            views = {"views_clips": wanted.views.clips, "views_crops": wanted.views.crops}
            recipe = recipe.model_copy(update=views)
        clips, lacking = self._clips_of(wanted.dataset, wanted.clip_list, wanted.classes)
        overlap = self._overlap(trial.training, clips)
        seed = derive_seed(what="evaluate", dataset=wanted.dataset, clip_list=wanted.clip_list)
        row = self.row(trial.method)
        released, no_file = self._released(row.released)
        job = EvaluateJob(
            **self._common(trial.method, trial.setting, recipe, clips, training=False),
            seed=seed,
            policy=self.config.policy,
            parent=parent,
            metrics=wanted.metrics,
            metrics_code_sha256=self._metrics_code(wanted.metrics),
            overlap=overlap,
            released=released,
        )
        key = self._keep(job, parent, lacking, no_file)
        return PlannedTrial(
            setting=trial.setting,
            method=trial.method,
            dataset=trial.dataset,
            split=trial.split,
            shots=trial.shots,
            member=trial.member,
            evaluation=key,
            training=parent,
            clip_list=wanted.clip_list,
            classes=wanted.classes,
            num_frames=recipe.num_frames,
            views=f"{recipe.views_clips}x{recipe.views_crops}",
            metrics=wanted.metrics,
            train_data=self._train_data(trial.training, row),
        )

    def _train_data(self, training: Training | None, row: RowFacts) -> str:
        if training is None:
            return "none" if row.released is None else f"released: {Path(row.released).name}"
        title = self.catalogue[training.dataset].title
        return title if training.shots is None else f"{title} {training.shots}-shot"

    def _overlap(self, training: Training | None, evaluated: ClipsRef) -> int:
        """How many scored clips were trained on, by the training or by what it starts from.

        Raises:
            DataError: There are some, and the configuration does not allow it.
        """
        seen: set[str] = set()
        while training is not None:
            trained, _ = self._clips_of(training.dataset, training.clip_list, training.classes)
            pair = (trained.list_file, evaluated.list_file)
            if pair not in self._overlaps:
                allowed = self.config.allow_overlap
                found = check_disjoint(trained, evaluated, allow_overlap=allowed)
                self._overlaps[pair] = frozenset(found)
            seen |= self._overlaps[pair]
            training = training.starts_from
        return len(seen)

    def _training(self, wanted: Training) -> str:
        if wanted not in self._trained:
            above = None if wanted.starts_from is None else self._training(wanted.starts_from)
            recipe = self._recipe(wanted.method, wanted.setting, wanted.dataset)
            clips, lacking = self._clips_of(wanted.dataset, wanted.clip_list, wanted.classes)
            # Not the method: all of them see the same clips in the same order. Not the setting:
            # where two settings train alike, one training serves both.
            seed = derive_seed(
                what="train",
                dataset=wanted.dataset,
                clip_list=wanted.clip_list,
                repeat=wanted.repeat,
            )
            common = self._common(wanted.method, wanted.setting, recipe, clips, training=True)
            released, no_file = self._released(self.row(wanted.method).starts_from_released)
            job = TrainJob(
                **common,
                seed=seed,
                policy=self.config.train_policy,
                parent=above,
                released=released,
            )
            self._trained[wanted] = self._keep(job, above, lacking, no_file)
        return self._trained[wanted]

    def _released(self, given: str | None) -> tuple[ReleasedRef | None, str | None]:
        """A released checkpoint, and what is missing of it."""
        if given is None:
            return None, None
        path = Path(absolute(given))
        if not path.is_file():
            return ReleasedRef(path=str(path), sha256=None), f"released checkpoint: no file {path}"
        return ReleasedRef(path=str(path), sha256=file_sha256(path, self.cache)), None

    def _keep(self, job: TrainJob | EvaluateJob, parent: str | None, *lacking: str | None) -> str:
        key = job.key
        if key not in self.jobs:
            self.jobs[key] = job
            self.parents[key] = () if parent is None else (parent,)
            missing = tuple(text for text in (self.weights_needed, *lacking) if text is not None)
            if missing:
                self.needs[key] = missing
        return key

    def _common(
        self, row: str, setting: str, recipe: Recipe, clips: ClipsRef, *, training: bool
    ) -> dict[str, Any]:
        chosen = self.row(row).facts.preprocessing
        code = self._pipeline_code(chosen.pipeline)
        return {
            "method": self._method(row, setting),
            "backbone": self.backbone,
            "recipe": recipe,
            "preprocessing": preprocessing_ref(chosen, recipe, training=training, code_sha256=code),
            "clips": clips,
            "cache": str(self.cache),
            "keep_frames": self.config.cache_frames,
            "cache_limit": self.config.cache_limit,
            "plugins": self.plugins,
            "threads": self.config.threads,
            "workers": self.config.workers,
        }

    def _method(self, row: str, setting: str) -> MethodRef:
        wanted = (row, setting)
        if wanted not in self._methods:
            chosen = self.config.methods[row]
            facts = self.row(row).facts
            self._methods[wanted] = MethodRef(
                row=row,
                adapter=chosen.adapter,
                options={**facts.options, **self.config.options_for(row, setting)},
                code_sha256=self._method_code(chosen.adapter),
            )
        return self._methods[wanted]

    def _recipe(self, row: str, setting: str, dataset: str) -> Recipe:
        cell = (row, setting, dataset)
        if cell not in self._recipes:
            self._recipes[cell] = self.config.recipe_for(*cell)
        return self._recipes[cell]

    def _clips_of(self, dataset: str, clip_list: str, classes: str) -> tuple[ClipsRef, str | None]:
        wanted = (dataset, clip_list, classes)
        if wanted not in self._clips:
            source = self._source(dataset)
            clips = source.clips(clip_list, classes)
            self._clips[wanted] = (clips, _lacking(source, clips))
        return self._clips[wanted]

    def _source(self, dataset: str) -> DatasetSource:
        if dataset not in self._sources:
            config = self.config.datasets[dataset]
            known = config.source
            self._sources[dataset] = DatasetSource(
                self.catalogue[dataset],
                config,
                self.cache,
                None if known is None else lambda: self._source(known).class_names(),
                self.config.labels,
            )
        return self._sources[dataset]


def backbone_of(config: RunConfig) -> tuple[BackboneRef, str | None]:
    """The weights all rows start from, and what is missing of them."""
    chosen = config.backbone
    own = chosen.model.endswith(".json")
    model = absolute(chosen.model) if own else chosen.model
    if not own or Path(model).is_file():
        architecture(model)  # refused here rather than by every job
    weights = None if chosen.weights is None else absolute(chosen.weights)
    found = weights is not None and Path(weights).is_file()
    reference = BackboneRef(
        model=model,
        model_sha256=file_sha256(Path(model)) if own and Path(model).is_file() else None,
        weights=weights,
        weights_sha256=file_sha256(Path(weights)) if weights and found else None,
        quick_gelu=chosen.quick_gelu,
        pretraining=chosen.pretraining,
    )
    if weights is None:
        return reference, f"weights of {Path(model).stem}: the configuration names no file"
    return reference, None if found else f"weights of {Path(model).stem}: no file {weights}"


def _lacking(source: DatasetSource, clips: ClipsRef) -> str | None:
    """What of a clip set is not there yet, or None."""
    if clips.list_sha256 is None or clips.classes_sha256 is None:
        try:
            source.clips(clips.clip_list, clips.classes, required=True)
        except MissingDataError as missing:
            return f"{missing.what} ({missing.got}); next: {missing.next_step}"
    if not Path(clips.root).is_dir():
        where = clips.root or "the configuration names no root"
        step = f"bench data prepare {clips.dataset} --videos <folder> --annotations <folder>"
        return f"the videos of {clips.dataset} are missing (no {where}); next: {step}"
    return None
