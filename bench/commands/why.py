"""``bench why CELL``: everything that led to one number."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.planning.recipe import Recipe
    from bench.running.job_views import JobView
    from results.run.plan_file import PlannedTrial
    from results.run.records import BadClip, Counts, EvaluationRecord, Provenance
    from results.run.store import RunStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "cell", help="dataset/setting/method, e.g. mini-hmdb51/base-to-novel/vifi-clip"
    )
    parser.add_argument("--run", metavar="DIR", help="run folder (default: the latest in runs/)")


def run(args: argparse.Namespace) -> int:
    """Print the numbers of a cell, then every job behind them once."""
    from bench.running.job_views import find_run, trials_of_cell, view

    store = find_run(args.run)
    plan = store.plan()
    trials = trials_of_cell(plan, args.cell)
    print(f"{args.cell} in {store.folder} (configuration {plan.config})")
    jobs: dict[str, JobView] = {}
    for trial in trials:
        for key in _chain(store, trial.evaluation):
            jobs.setdefault(key, view(store, key))
        _print_trial(trial, jobs[trial.evaluation])
    for method in {trial.method: None for trial in trials}:
        row = plan.methods[method]
        print(f"\nrow {method}: {row.title}, adapter {row.adapter}")
        for what, text in (("citation", row.citation), ("code", row.code), *row.provenance.items()):
            if text:
                print(f"  {what}: {text}")
    for job in jobs.values():
        print()
        _print_job(job)
    return 0


def _chain(store: RunStore, key: str | None) -> list[str]:
    """A job and its parents, the first training first."""
    from bench.running.job_views import view

    keys: list[str] = []
    while key is not None:
        keys.insert(0, key)
        job = view(store, key).job
        key = None if job is None else job.parent
    return keys


def _print_trial(trial: PlannedTrial, job: JobView) -> None:
    from bench.running.job_states import described
    from results.run.records import EvaluationRecord

    place = [part for part in (trial.split if trial.split != "-" else "", trial.member) if part]
    if trial.shots is not None:
        place.insert(0, f"{trial.shots}-shot")
    if isinstance(job.record, EvaluationRecord):
        metrics = job.record.metrics.items()
        value = ", ".join(f"{name} {number:.2f}" for name, number in metrics)
        value += f" over {job.record.counts.scored} clips{_bounds(job.record)}"
    else:
        value = job.state if job.failure is None else f"failed ({described(job.failure)})"
    print(f"  {' / '.join(place)}: {value}   [job {trial.evaluation[:8]}]")


def _bounds(record: EvaluationRecord) -> str:
    """How far the numbers could be off, where some listed clips gave no frames."""
    from results.numbers.coverage import WHOLE_PERCENT, record_bounds, share_percent

    counts = record.counts
    lost = counts.listed - counts.decoded
    if not lost:
        return ""
    ends = {name: record_bounds(record, name) for name in record.metrics}
    between = "".join(
        f", {name} {found[0]:.2f} to {found[1]:.2f}" for name, found in ends.items() if found
    )
    marked = " (partial data)" if share_percent(counts) < WHOLE_PERCENT else ""
    said = f"; {lost} of {counts.listed} listed gave no frames{marked}"
    return said + (f"; from all of them wrong to all right{between}" if between else "")


def _print_job(view: JobView) -> None:
    job = view.job
    if job is None:
        print(f"job {view.key}: planned, nothing is known of it yet")
        return
    clips, backbone = job.clips, job.backbone
    print(f"job {view.key}: {job.kind} {job.method.row} ({view.state})")
    _line("list", f"{clips.dataset}/{clips.clip_list} {clips.list_file} sha256 {clips.list_sha256}")
    _line("classes", f"{clips.classes}: {clips.num_classes} names, sha256 {clips.classes_sha256}")
    _line("starts from", job.parent or f"{backbone.model}, weights {backbone.weights_sha256}")
    _line("adapter", f"{job.method.adapter} {job.method.options} code {job.method.code_sha256}")
    frames = job.preprocessing
    _line(
        "frames",
        f"{frames.pipeline} {frames.options}, mean {frames.mean}, std {frames.std}",
    )
    _line("seed", f"{job.seed}; clips that cannot be read: {job.policy}")
    _print_recipe(job.recipe)
    _print_record(view)


def _print_recipe(recipe: Recipe) -> None:
    values, sources = recipe.identity(), recipe.sources
    print("  recipe")
    for name, value in values.items():
        source = sources.get(name, "default of the harness")
        if name == "epochs" and values["updates"] is not None:
            source = "not used: updates counts"
        print(f"    {name} = {value}  ({source})")


def _print_record(view: JobView) -> None:
    from results.run.records import TrainRecord

    record = view.record
    if record is None:
        if view.failure is not None:
            _line("failure", f"{view.failure.reason}: {view.failure.message}")
        return
    _print_counts(record.counts, record.bad_clips)
    if isinstance(record, TrainRecord):
        _line(
            "trained",
            f"{record.epochs} epochs, {record.updates} updates, {record.clips_seen} clips seen, "
            f"final loss {record.final_loss}, {record.trainable_parameters} of "
            f"{record.total_parameters} parameters",
        )
        if record.replaced or record.left_out:
            _line(
                "bad clips",
                f"{record.policy}: replaced {record.replaced} times, left out "
                f"{record.left_out} times",
            )
        _line("checkpoint", f"{record.checkpoint} sha256 {record.checkpoint_sha256}")
    else:
        for name, value in record.protocol.model_dump().items():
            _line(f"protocol.{name}", str(value))
    _print_provenance(record.provenance)


def _print_counts(counts: Counts, bad: tuple[BadClip, ...]) -> None:
    _line("clips", ", ".join(f"{number} {what}" for what, number in counts.model_dump().items()))
    for clip in bad:
        _line("skipped", f"{clip.clip}: {clip.reason} {clip.detail}".rstrip())


def _print_provenance(made: Provenance) -> None:
    commit = f"{made.git_commit or 'unknown'}{' with changes' if made.git_dirty else ''}"
    _line("made", f"{made.started}, {made.seconds:.1f} s, commit {commit}")
    _line("seeds", ", ".join(f"{name} {seed}" for name, seed in made.seeds.items()) or "none")
    _line("packages", ", ".join(f"{name} {version}" for name, version in made.packages.items()))
    _line("machine", ", ".join(f"{name} {value}" for name, value in made.hardware.items()))
    if made.decoder:
        _line("decoder", made.decoder)


def _line(what: str, text: str) -> None:
    print(f"  {what}: {text}")
