from __future__ import annotations

from pathlib import Path

from bench.testing import tiny_benchmark


def test_a_method_is_trained_scored_and_reported(tmp_path: Path) -> None:
    with tiny_benchmark(folder=tmp_path) as bench:
        outcome = bench.run("--method", "vifi-clip", "--setting", "few-shot")
        assert outcome.exit_code == 0, outcome.errors
        (top1,) = [row for row in bench.numbers() if row["metric"] == "top1"]
    assert (top1["setting"], top1["dataset"], top1["shots"]) == ("few-shot", "Squares", "2")
    assert top1["method"] == "vifi-clip"
    assert 0 <= float(top1["value"]) <= 100


def test_mistakes_come_back_as_the_user_sees_them() -> None:
    with tiny_benchmark(config="only = ['no-shot']\n") as bench:
        outcome = bench.plan()
        folder = bench.folder
    assert outcome.exit_code == 2
    assert outcome.output == ""
    assert "only: unknown setting 'no-shot'; did you mean 'few-shot'?" in outcome.errors
    assert not folder.exists()


def test_a_flag_that_is_not_there_ends_in_the_exit_code_of_the_command_line() -> None:
    with tiny_benchmark() as bench:
        outcome = bench.cli("plan", "--no-such-flag")
    assert outcome.exit_code == 2
    assert outcome.errors.startswith("bench plan: unknown argument '--no-such-flag'")
