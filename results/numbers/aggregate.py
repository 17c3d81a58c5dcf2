"""Trials become cells: averages over splits or seeds, harmonic means, and what is missing.

A cell is one number of a table. It is averaged over all its members or marked: a cell with
members missing never passes for a whole one, and a failed job is a row with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from results.numbers import statistics
from results.numbers.protocol import fingerprint
from results.run.contents import ClipHits, Run, clip_hits, load_run
from results.run.plan_file import PlannedDataset, PlannedMethod, PlannedSetting, PlannedTrial
from results.run.records import EvaluationRecord, TrainRecord

State = Literal["complete", "incomplete", "failed", "pending", "skipped"]


@dataclass(frozen=True)
class CellKey:
    """Names a cell. ``split`` is ``-``, ``base``, ``novel`` or ``hm``."""

    setting: str
    row: str
    dataset: str
    shots: int | None
    split: str


@dataclass(frozen=True)
class Member:
    """One of the numbers a cell is averaged over."""

    trial: PlannedTrial
    state: Literal["done", "failed", "pending"]
    folder: Path
    reason: str = ""
    record: EvaluationRecord | None = None
    training: TrainRecord | None = None

    def hits(self, metric: str) -> ClipHits | None:
        """Per-clip outcomes, where scores are kept."""
        return None if self.record is None else clip_hits(self.record, self.folder, metric)


@dataclass(frozen=True)
class Estimate:
    """A mean over members in percent.

    Attributes:
        mean: Mean over the members that are done.
        std: Sample standard deviation over them (divisor n - 1); None for a single one.
        std_population: The same with divisor n.
        low: Lower end of the 95 % interval, or None where the metric has none.
        high: Its upper end.
        values: The members' numbers, in the order of the plan.
        clips: Distinct clips that the number rests on.
        source: ``scores`` (per-clip) or ``counts``: what the interval was computed from.
    """

    mean: float
    std: float | None
    std_population: float | None
    low: float | None
    high: float | None
    values: tuple[float, ...]
    clips: int
    source: Literal["scores", "counts", ""]


@dataclass(frozen=True)
class Cell:
    """One number of a table, or the reason why it is not there.

    Attributes:
        key: Which cell it is.
        state: ``complete``, or what keeps it from being so.
        members: What it is averaged over; empty for a skipped cell.
        estimates: Metric -> mean of the members that are done.
        reason: Why it is not complete.
        fingerprint: Of the facts its members share with others; '' without records.
        over: What the members are: ``splits`` or ``seeds``.
        run: Name of the run it comes from.
    """

    key: CellKey
    state: State
    members: tuple[Member, ...]
    estimates: Mapping[str, Estimate]
    reason: str
    fingerprint: str
    over: Literal["splits", "seeds"]
    run: str

    @property
    def done(self) -> tuple[Member, ...]:
        """The members that have a number."""
        return tuple(member for member in self.members if member.state == "done")

    @property
    def member_names(self) -> tuple[set[str], set[str]]:
        """All members' names, and those of members without a number (one half suffices)."""
        return _member_names(self.members)

    @property
    def records(self) -> tuple[EvaluationRecord, ...]:
        """The records of the members that are done."""
        return tuple(m.record for m in self.members if m.record is not None)


@dataclass(frozen=True)
class Row:
    """A row of the tables: a method, of one run where several runs disagree."""

    name: str
    method: str
    title: str
    facts: PlannedMethod


@dataclass(frozen=True)
class Board:
    """Everything the reports show."""

    runs: tuple[Run, ...]
    settings: Mapping[str, PlannedSetting]
    rows: Mapping[str, Row]
    datasets: Mapping[str, PlannedDataset]
    cells: Mapping[CellKey, Cell] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        """Whether any number is about synthetic clips."""
        return any(dataset.synthetic for dataset in self.datasets.values())

    def of_setting(self, setting: str) -> list[Cell]:
        """The cells of a setting, harmonic means included, in the order of the plan."""
        return [cell for key, cell in self.cells.items() if key.setting == setting]


def load_board(folders: Sequence[Path]) -> Board:
    """Read run folders and aggregate them.

    Raises:
        DataError: A folder has no readable plan.
    """
    return aggregate([load_run(folder) for folder in folders])


def aggregate(runs: Sequence[Run]) -> Board:
    """All cells of some runs; equal numbers (same jobs) of several runs appear once.

    A method whose numbers differ between runs gets one row a run.
    """
    settings: dict[str, PlannedSetting] = {}
    datasets: dict[str, PlannedDataset] = {}
    rows: dict[str, Row] = {}
    cells: dict[CellKey, Cell] = {}
    clashing = _clashing_methods(runs)
    for number, run in enumerate(runs, 1):
        settings |= {k: v for k, v in run.plan.settings.items() if k not in settings}
        datasets |= {k: v for k, v in run.plan.datasets.items() if k not in datasets}
        for method, facts in run.plan.methods.items():
            suffix = f" @ {_run_label(runs, number)}" if method in clashing else ""
            rows.setdefault(
                method + suffix, Row(method + suffix, method, facts.title + suffix, facts)
            )
        for cell in _cells(run, clashing, _run_label(runs, number)):
            known = cells.get(cell.key)
            if known is None or _better(cell, known):
                cells[cell.key] = cell
    return Board(tuple(runs), settings, rows, datasets, cells)


def _run_label(runs: Sequence[Run], number: int) -> str:
    """The run's name; with its position where two runs are called alike."""
    name = runs[number - 1].plan.name
    alike = sum(run.plan.name == name for run in runs) > 1
    return f"{name} #{number}" if alike else name


def _better(cell: Cell, known: Cell) -> bool:
    order = ("skipped", "pending", "failed", "incomplete", "complete")
    return order.index(cell.state) > order.index(known.state)


def _clashing_methods(runs: Sequence[Run]) -> set[str]:
    """Methods that have the same cell from different jobs in different runs."""
    seen: dict[CellKey, frozenset[str]] = {}
    clashing = set()
    for run in runs:
        for key, trials in _grouped(run.plan.trials).items():
            jobs = frozenset(trial.evaluation for trial in trials)
            if seen.setdefault(key, jobs) != jobs:
                clashing.add(key.row)
    return clashing


def _grouped(trials: Sequence[PlannedTrial]) -> dict[CellKey, list[PlannedTrial]]:
    groups: dict[CellKey, list[PlannedTrial]] = {}
    for trial in trials:
        key = CellKey(trial.setting, trial.method, trial.dataset, trial.shots, trial.split)
        groups.setdefault(key, []).append(trial)
    return groups


def _cells(run: Run, clashing: set[str], label: str) -> list[Cell]:
    """The cells of one run; the harmonic mean comes after its two halves."""

    def row(method: str) -> str:
        return f"{method} @ {label}" if method in clashing else method

    cells: dict[CellKey, Cell] = {}
    for plain, trials in _grouped(run.plan.trials).items():
        key = CellKey(plain.setting, row(plain.row), plain.dataset, plain.shots, plain.split)
        members = tuple(_member(run, trial) for trial in trials)
        cells[key] = _cell(key, members, run.plan.settings[key.setting].spread, label)
        if key.split in ("base", "novel"):
            halves = [
                cells.get(CellKey(key.setting, key.row, key.dataset, key.shots, half))
                for half in ("base", "novel")
            ]
            if halves[0] is not None and halves[1] is not None:
                combined = _harmonic_cell(halves[0], halves[1])
                cells[combined.key] = combined
    for skip in run.plan.skipped:
        key = CellKey(skip.setting, row(skip.method), skip.dataset, None, "-")
        spread = run.plan.settings[skip.setting].spread
        cells[key] = Cell(key, "skipped", (), {}, skip.reason, "", spread, label)
    return list(cells.values())


def _member(run: Run, trial: PlannedTrial) -> Member:
    folder = run.job_folder(trial.evaluation)
    trained = run.records.get(trial.training or "")
    training = trained if isinstance(trained, TrainRecord) else None
    record = run.records.get(trial.evaluation)
    if isinstance(record, EvaluationRecord):
        return Member(trial, "done", folder, record=record, training=training)
    for key, what in ((trial.training, "training"), (trial.evaluation, "evaluation")):
        failure = run.failures.get(key or "")
        if failure is not None:
            reason = f"{what} failed ({failure.reason}): {failure.message}"
            return Member(trial, "failed", folder, reason=reason, training=training)
    waiting = "not evaluated yet" if training or trial.training is None else "not trained yet"
    return Member(trial, "pending", folder, reason=waiting, training=training)


def _member_names(members: Sequence[Member]) -> tuple[set[str], set[str]]:
    broken = {member.trial.member for member in members if member.state != "done"}
    return {member.trial.member for member in members}, broken


def _state(members: Sequence[Member]) -> tuple[State, str]:
    reasons = _reasons(members)
    states = {member.state for member in members}
    if states == {"done"}:
        return "complete", ""
    if "done" in states:
        names, broken = _member_names(members)
        return "incomplete", f"{len(names - broken)} of {len(names)} done; {reasons}"
    return ("failed" if "failed" in states else "pending"), reasons


def _reasons(members: Sequence[Member]) -> str:
    """Each reason once, with the members it concerns unless it concerns all of them."""
    concerned: dict[str, dict[str, None]] = {}
    for member in members:
        if member.state != "done":
            concerned.setdefault(member.reason, {})[member.trial.member] = None
    everyone = {member.trial.member for member in members}
    return "; ".join(
        reason if set(names) == everyone else f"{', '.join(names)}: {reason}"
        for reason, names in concerned.items()
    )


def _cell(
    key: CellKey, members: tuple[Member, ...], over: Literal["splits", "seeds"], run: str
) -> Cell:
    state, reason = _state(members)
    records = [member.record for member in members if member.record is not None]
    done = [member for member in members if member.record is not None]
    shared = [
        metric
        for metric in (records[0].metrics if records else ())
        if all(metric in record.metrics for record in records)
    ]
    estimates = {metric: estimate(done, metric, over) for metric in shared}
    return Cell(
        key, state, members, estimates, reason, fingerprint(records) if records else "", over, run
    )


def estimate(members: Sequence[Member], metric: str, over: Literal["splits", "seeds"]) -> Estimate:
    """Mean, spread and interval of members that are done.

    Over splits the interval is over clips (one model is scored); over seeds it is over clips and
    seeds (another training gives another model).
    """
    records = [member.record for member in members if member.record is not None]
    values = tuple(record.metrics[metric] for record in records)
    centre = statistics.mean(values)
    seeds = statistics.member_half_width(values) if over == "seeds" else 0.0
    hits = [member.hits(metric) for member in members]
    kept = [hit for hit in hits if hit is not None]
    low: float | None = None
    high: float | None = None
    source: Literal["scores", "counts", ""] = ""
    clips = _counted_clips(records, over)
    if len(kept) == len(hits):
        error = statistics.clip_error([h.ids for h in kept], [h.values for h in kept])
        clips = len(np.unique(np.concatenate([h.ids for h in kept])))
        low, high = statistics.interval(centre, error, clips, seeds)
        source = "scores"
    elif metric in ("top1", "top5"):
        low, high = statistics.interval(centre, 0.0, clips, seeds)
        source = "counts"
    spread = statistics.std(values)
    population = statistics.std(values, ddof=0) if len(values) > 1 else None
    return Estimate(centre, spread, population, low, high, values, clips, source)


def _counted_clips(records: Sequence[EvaluationRecord], over: str) -> int:
    counts = [record.counts.scored for record in records]
    return sum(counts) if over == "splits" else min(counts)


def _harmonic_cell(base: Cell, novel: Cell) -> Cell:
    """The harmonic mean of the two unrounded means; complete only if both are."""
    key = CellKey(base.key.setting, base.key.row, base.key.dataset, base.key.shots, "hm")
    members = base.members + novel.members
    state, reason = _state(members)
    if "top1" not in base.estimates or "top1" not in novel.estimates:
        state = "failed" if "failed" in (base.state, novel.state) else "pending"
        return Cell(key, state, members, {}, reason, "", base.over, base.run)
    b, n = base.estimates["top1"], novel.estimates["top1"]
    centre = statistics.harmonic_mean(b.mean, n.mean)
    paired = _paired_values(base, novel)
    values = tuple(statistics.harmonic_mean(x, y) for x, y in paired)
    spread = statistics.std(values)
    population = statistics.std(values, ddof=0) if len(values) > 1 else None
    low, high = _harmonic_interval(b, n)
    return Cell(
        key,
        state,
        members,
        {
            "hm": Estimate(
                centre, spread, population, low, high, values, b.clips + n.clips, b.source
            )
        },
        reason,
        fingerprint(base.records + novel.records),
        base.over,
        base.run,
    )


def _paired_values(base: Cell, novel: Cell) -> list[tuple[float, float]]:
    """Top-1 of members that have both halves."""
    right = {m.trial.member: m.record for m in novel.members if m.record is not None}
    return [
        (member.record.metrics["top1"], other.metrics["top1"])
        for member in base.members
        if member.record is not None and (other := right.get(member.trial.member)) is not None
    ]


def _harmonic_interval(base: Estimate, novel: Estimate) -> tuple[float | None, float | None]:
    """Ends of the halves' intervals carried through the harmonic mean, to first order.

    The halves have no clip in common, so their parts add in quadrature.
    """
    if base.low is None or base.high is None or novel.low is None or novel.high is None:
        return None, None
    slope_b, slope_n = statistics.harmonic_slopes(base.mean, novel.mean)
    centre = statistics.harmonic_mean(base.mean, novel.mean)
    down = np.hypot(slope_b * (base.mean - base.low), slope_n * (novel.mean - novel.low))
    up = np.hypot(slope_b * (base.high - base.mean), slope_n * (novel.high - novel.mean))
    return max(0.0, centre - float(down)), min(100.0, centre + float(up))
