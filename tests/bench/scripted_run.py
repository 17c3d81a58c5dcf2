"""A real run of the scheduler with jobs that are small shell scripts.

The plan is that of a part of the paper's configuration; data and weights are taken as given,
because the scripts need none. What job ``<name>`` does is the file ``<scripts>/<name>.sh``, or
``default.sh``; ``$RECORD`` is a ready record, ``$JOB`` the job's folder.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from bench.planning.jobs import EvaluateJob, TrainJob
from bench.planning.load_config import load_config
from bench.planning.plan import Plan, make_plan
from bench.planning.selection import Selection
from bench.running.job_states import Rerun
from bench.running.launchers.local.launcher import LocalLauncher
from bench.running.progress import PlainLines
from bench.running.scheduler import AttemptLimits, RunOutcome, Scheduler
from results.run.records import Counts, EvaluationRecord, Protocol, Provenance, TrainRecord
from results.run.store import RunStore

DEFAULT = 'touch "$JOB/weights"; cp "$RECORD" "$JOB/result.json"'
COUNTS = Counts(listed=1, present=1, decoded=1, scored=1)
MADE = Provenance(started="2026-01-01T00:00:00Z", seconds=1.0)


def small_plan(folder: Path) -> Plan:
    """Two trainings with an evaluation each, and an evaluation without a training."""
    config = load_config(
        "paper", {"cache": str(folder / "cache"), "settings.few-shot.options": {"shots": [2, 4]}}
    )
    chosen = Selection(
        methods=("vifi-clip", "vanilla-clip"), settings=("few-shot",), datasets=("hmdb51",)
    )
    return replace(make_plan(config, chosen), needs={})


def name_of(job: TrainJob | EvaluateJob, plan: Plan) -> str:
    """``train-2``, ``score-4``, ``score-none``."""
    training = job if job.parent is None else plan.jobs[job.parent]
    if isinstance(training, EvaluateJob):
        return "score-none"
    shots = training.clips.clip_list.rpartition("_")[2]
    return f"train-{shots}" if isinstance(job, TrainJob) else f"score-{shots}"


def keys_by_name(plan: Plan) -> dict[str, str]:
    """Name -> key."""
    return {name_of(job, plan): key for key, job in plan.jobs.items()}


def write_scripts(folder: Path, plan: Plan, scripts: dict[str, str]) -> None:
    """Put down what every job does, and the record it copies."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, key in keys_by_name(plan).items():
        text = record_of(key, plan.jobs[key]).model_dump_json()
        (folder / f"{key}.json").write_text(text)
        (folder / f"{key}.sh").write_text(scripts.get(name, scripts.get("default", DEFAULT)))


def record_of(key: str, job: TrainJob | EvaluateJob) -> TrainRecord | EvaluationRecord:
    """A valid record of a job."""
    if isinstance(job, TrainJob):
        return TrainRecord(
            key=key, method=job.method.row, adapter=job.method.adapter, checkpoint="weights",
            checkpoint_sha256="0", epochs=1, updates=1, clips_seen=1, final_loss=0.5,
            trainable_parameters=1, total_parameters=1, initialised_from=None, counts=COUNTS,
            recipe={}, provenance=MADE,
        )  # fmt: skip
    protocol = Protocol(
        backbone="b", weights_sha256="0", quick_gelu=True, pretraining="", dataset="hmdb51",
        clip_list="val1", list_sha256="0", classes="all", class_names_sha256="0", num_classes=51,
        prompts=(), pipeline="vificlip", num_frames=32, image_size=224, views="1x1",
        precision="fp32", checkpoint="last",
    )  # fmt: skip
    return EvaluationRecord(
        key=key, method=job.method.row, adapter=job.method.adapter, training=job.parent,
        metrics={"top1": 50.0}, counts=COUNTS, scores="scores.npz", protocol=protocol,
        provenance=MADE,
    )  # fmt: skip


def run(
    folder: Path,
    scripts: Path,
    plan: Plan,
    *,
    rerun: Rerun = "failed",
    limits: AttemptLimits | None = None,
    slots: int = 2,
) -> RunOutcome:
    """Run the plan in this process; SIGINT stops it cleanly."""
    store = RunStore(folder)
    asked: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))

    def command(key: str, job_file: Path) -> list[str]:
        given = f'JOB="{job_file.parent}" RECORD="{scripts}/{key}.json"'
        return ["sh", "-c", f'{given}; . "{scripts}/{key}.sh"']

    try:
        with store.only_scheduler():
            store.write_plan(plan.file)
            return Scheduler(
                plan,
                store,
                LocalLauncher([""] * slots, grace_s=2.0),
                PlainLines(plan.jobs),
                rerun=rerun,
                limits=limits,
                command=command,
                stop_requested=lambda: bool(asked),
            ).run()
    finally:
        signal.signal(signal.SIGINT, previous)


def main() -> int:
    """``python -m tests.bench.scripted_run FOLDER SCRIPTS``: prints the outcome as JSON."""
    folder, scripts = Path(sys.argv[1]), Path(sys.argv[2])
    outcome = run(folder, scripts, small_plan(folder))
    print(json.dumps({"done": len(outcome.done), "stopped": outcome.stopped}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
