"""Files written by earlier versions keep loading; a fixture is added when a schema changes."""

from __future__ import annotations

from pathlib import Path

from results.run.plan_file import PlanFile
from results.run.records import EvaluationRecord, Failure, RecordAdapter, TrainRecord

HISTORIC = Path(__file__).parent / "historic"


def test_a_version_1_evaluation() -> None:
    record = RecordAdapter.validate_json((HISTORIC / "evaluate-v1.json").read_bytes())
    assert isinstance(record, EvaluationRecord)
    assert record.metrics == {"top1": 51.25, "top5": 80.0}
    assert record.counts.listed == 81
    assert record.bad_clips[0].reason == "truncated"
    assert record.protocol.prompts == ("a photo of a jumping red circle.",)


def test_a_version_1_training() -> None:
    record = RecordAdapter.validate_json((HISTORIC / "train-v1.json").read_bytes())
    assert isinstance(record, TrainRecord)
    assert record.checkpoint == "checkpoint.safetensors"
    assert record.recipe["lr"] == 0.0005


def test_a_version_1_failure() -> None:
    failure = Failure.model_validate_json((HISTORIC / "failure-v1.json").read_bytes())
    assert (failure.reason, failure.attempt) == ("cuda_oom", 2)


def test_a_version_1_plan() -> None:
    plan = PlanFile.model_validate_json((HISTORIC / "plan-v1.json").read_bytes())
    assert plan.trials[0].member == "split 1"
    assert plan.skipped[0].reason == "cannot name new classes"
    assert plan.synthetic
