from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.ground.errors import DataError
from results.numbers.aggregate import Board, Cell, CellKey, estimate, load_board
from results.numbers.statistics import harmonic_mean, member_half_width
from results.run.plan_file import load_plan, write_plan
from results.run.records import EvaluationRecord
from tests.reports.example_run import (
    Example,
    scores_of,
    write_evaluation,
    write_example,
    write_failure,
)

SMALL = Example(methods=("vanilla-clip", "a5", "xclip", "vl-prompting", "vifi-clip"))
ONE = Example(methods=("vanilla-clip",), settings=("few-shot",))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "example"
    write_example(folder, SMALL)
    return folder


@pytest.fixture(scope="module")
def board(run: Path) -> Board:
    return load_board([run])


def cell(
    board: Board, setting: str, row: str, dataset: str, split: str = "-", k: int | None = None
) -> Cell:
    return board.cells[CellKey(setting, row, dataset, k, split)]


def first(folder: Path) -> Cell:
    """The first cell of ``ONE``."""
    return cell(load_board([folder]), "few-shot", "vanilla-clip", "mini-hmdb51", k=2)


def test_a_zero_shot_cell_is_the_mean_over_three_splits(board: Board) -> None:
    found = cell(board, "zero-shot", "vifi-clip", "mini-hmdb51")
    estimate = found.estimates["top1"]
    assert found.state == "complete"
    assert found.over == "splits"
    assert [m.trial.member for m in found.members] == ["split 1", "split 2", "split 3"]
    assert estimate.mean == pytest.approx(np.mean(estimate.values))
    assert estimate.std == pytest.approx(np.std(estimate.values, ddof=1))
    assert estimate.std_population == pytest.approx(np.std(estimate.values))
    assert estimate.clips == 3 * 72
    assert estimate.source == "scores"
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < estimate.mean < estimate.high
    assert set(found.estimates) == {"top1", "top5"}


def test_the_harmonic_mean_is_that_of_the_unrounded_means(board: Board) -> None:
    base = cell(board, "base-to-novel", "vifi-clip", "mini-ucf101", "base", 16)
    novel = cell(board, "base-to-novel", "vifi-clip", "mini-ucf101", "novel", 16)
    both = cell(board, "base-to-novel", "vifi-clip", "mini-ucf101", "hm", 16)
    expected = harmonic_mean(base.estimates["top1"].mean, novel.estimates["top1"].mean)
    estimate = both.estimates["hm"]
    assert estimate.mean == expected
    assert estimate.mean >= np.mean(estimate.values)
    assert both.state == "complete"
    assert len(both.members) == 6


def test_a_missing_seed_makes_a_cell_incomplete_and_its_harmonic_mean_too(board: Board) -> None:
    for split in ("base", "novel", "hm"):
        found = cell(board, "base-to-novel", "a5", "mini-ucf101", split, 16)
        assert found.state == "incomplete"
        assert found.reason == "2 of 3 done; seed 3: not trained yet"
    estimate = cell(board, "base-to-novel", "a5", "mini-ucf101", "base", 16).estimates["top1"]
    assert len(estimate.values) == 2


def test_a_failed_training_is_a_cell_with_its_reason(board: Board) -> None:
    found = cell(board, "few-shot", "xclip", "mini-ssv2", k=16)
    assert found.state == "failed"
    assert found.estimates == {}
    assert found.reason == "training failed (oom): killed at 3.9 GB of 3.8 GB"


def test_what_was_not_reached_is_pending(board: Board) -> None:
    found = cell(board, "fully-supervised", "vl-prompting", "mini-kinetics400")
    assert (found.state, found.reason) == ("pending", "not trained yet")


def test_a_skipped_cell_keeps_its_reason(tmp_path: Path) -> None:
    write_example(tmp_path, Example(methods=("a6",), settings=("zero-shot",)))
    found = cell(load_board([tmp_path]), "zero-shot", "a6", "mini-ucf101")
    assert found.state == "skipped"
    assert found.reason == "A6 learns one prompt for each training class and cannot name new ones"


def test_an_untrained_method_needs_one_member(board: Board) -> None:
    found = cell(board, "base-to-novel", "vanilla-clip", "mini-ucf101", "base", 16)
    assert found.state == "complete"
    assert found.estimates["top1"].std is None


def test_the_order_of_trials_changes_no_number(run: Path, board: Board, tmp_path: Path) -> None:
    plan = load_plan(run)
    trials = list(plan.trials)
    random.Random(5).shuffle(trials)
    write_plan(plan.model_copy(update={"trials": tuple(trials)}), tmp_path)
    (tmp_path / "jobs").symlink_to(run / "jobs")
    shuffled = load_board([tmp_path])
    assert shuffled.cells.keys() == board.cells.keys()
    for key, known in board.cells.items():
        other = shuffled.cells[key]
        assert (other.state, other.fingerprint) == (known.state, known.fingerprint)
        for metric, number in known.estimates.items():
            assert other.estimates[metric].mean == number.mean
            assert other.estimates[metric].std == number.std
            assert other.estimates[metric].low == pytest.approx(number.low)


def test_a_record_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    plan = write_example(tmp_path, ONE)
    key = plan.trials[0].evaluation
    (tmp_path / "jobs" / key / "result.json").write_text('{"kind": "evaluate"}')
    found = first(tmp_path)
    assert found.state == "failed"
    assert found.reason.startswith("evaluation failed (record): unreadable record (evaluate.key:")


def test_scores_that_do_not_fit_their_record_are_refused(tmp_path: Path) -> None:
    plan = write_example(tmp_path, ONE)
    trial = plan.trials[0]
    ids, labels, scores = scores_of(trial)
    folder = tmp_path / "jobs" / trial.evaluation
    np.savez(folder / "scores.npz", ids=ids[:-3], labels=labels[:-3], scores=scores[:-3])
    with pytest.raises(DataError, match=r"holds 69 clips, but its record counts 72"):
        load_board([tmp_path])


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "bits", "names", "labels"])
def test_damaged_scores_are_named(tmp_path: Path, damage: str) -> None:
    plan = write_example(tmp_path, ONE)
    path = tmp_path / "jobs" / plan.trials[0].evaluation / "scores.npz"
    whole = path.read_bytes()
    if damage in ("names", "labels"):
        with np.load(path) as file:
            content = dict(file)
        content["labels"] = content["labels"] + 1000
        if damage == "names":
            del content["ids"]
        np.savez(path, **content)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "text": b"scores " * 99,
                "cut": whole[: len(whole) // 2],
                "bits": whole[:300] + bytes(255 - byte for byte in whole[300:310]) + whole[310:],
            }[damage]
        )
    with pytest.raises(DataError) as caught:
        load_board([tmp_path])
    assert caught.value.what == f"the scores {path} are damaged"
    assert caught.value.next_step == (f"remove {path.parent} and run the job again with: bench run")


def test_clips_counted_as_wrong_are_misses(tmp_path: Path) -> None:
    plan = write_example(tmp_path, ONE)
    path = tmp_path / "jobs" / plan.trials[0].evaluation / "result.json"
    record = EvaluationRecord.model_validate_json(path.read_bytes())
    counts = record.counts.model_copy(update={"scored": 73})
    path.write_text(record.model_copy(update={"counts": counts}).model_dump_json())
    found = first(tmp_path)
    hits = found.members[0].hits("top1")
    assert hits is not None
    assert found.estimates["top1"].clips == 73
    assert hits.values[hits.ids == "val/class00/empty.mp4"].tolist() == [0.0]


def test_without_scores_the_interval_comes_from_the_counts(tmp_path: Path) -> None:
    plan = write_example(tmp_path, ONE)
    known = first(tmp_path).estimates["top1"]
    (tmp_path / "jobs" / plan.trials[0].evaluation / "scores.npz").unlink()
    ours = first(tmp_path).estimates["top1"]
    assert (known.source, ours.source) == ("scores", "counts")
    assert ours.low == pytest.approx(known.low, abs=0.5)
    assert ours.high == pytest.approx(known.high, abs=0.5)


@pytest.mark.parametrize(
    ("setting", "row", "split", "k", "clips"),
    [
        ("zero-shot", "vifi-clip", "-", None, 3 * 96),
        ("base-to-novel", "vifi-clip", "base", 16, 96),
    ],
    ids=["three splits are that many clips", "three seeds are the same clips"],
)
def test_clips_are_counted_alike_with_and_without_scores(
    board: Board, setting: str, row: str, split: str, k: int | None, clips: int
) -> None:
    found = cell(board, setting, row, "mini-ucf101", split, k)
    kept = found.estimates["top1"]
    bare = [replace(m, folder=Path("/nowhere")) for m in found.members]
    counted = estimate(bare, "top1", found.over)
    assert (kept.source, counted.source) == ("scores", "counts")
    assert (kept.clips, counted.clips) == (clips, clips)
    assert counted.mean == kept.mean


def test_seeds_widen_the_interval_and_splits_do_not(board: Board) -> None:
    found = cell(board, "base-to-novel", "vifi-clip", "mini-ucf101", "base", 16)
    over_seeds, over_splits = (estimate(found.done, "top1", over) for over in ("seeds", "splits"))
    assert found.estimates["top1"] == over_seeds
    spread = member_half_width(over_seeds.values)
    for wide, narrow in (
        (over_seeds.low, over_splits.low),
        (over_seeds.high, over_splits.high),
    ):
        assert wide is not None and narrow is not None
        inner = narrow - over_splits.mean
        assert abs(wide - over_seeds.mean) == pytest.approx(np.hypot(inner, spread))


def test_a_run_given_twice_appears_once(run: Path, board: Board) -> None:
    again = load_board([run, run])
    assert list(again.rows) == list(board.rows)
    assert again.cells.keys() == board.cells.keys()


def test_runs_that_disagree_get_a_row_each(tmp_path: Path) -> None:
    example = Example(methods=("vanilla-clip", "a5"), settings=("few-shot",), broken=False)
    write_example(tmp_path / "one", example)
    plan = replace(example, name="other").plan()
    trials = tuple(
        t.model_copy(update={"evaluation": t.evaluation[::-1]}) if t.method == "a5" else t
        for t in plan.trials
    )
    (tmp_path / "two").mkdir()
    write_plan(plan.model_copy(update={"trials": trials}), tmp_path / "two")
    for trial in trials:
        write_evaluation(tmp_path / "two", trial)
    board = load_board([tmp_path / "one", tmp_path / "two"])
    assert list(board.rows) == ["vanilla-clip", "a5 @ example", "a5 @ other"]
    assert board.rows["a5 @ other"].title == "A5 @ other"


def test_a_result_wins_over_an_older_failure(tmp_path: Path) -> None:
    plan = write_example(tmp_path, ONE)
    write_failure(tmp_path, plan.trials[0].evaluation, "timeout", "after 60 s")
    assert first(tmp_path).state == "complete"


def test_a_folder_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_board([tmp_path])
    assert str(caught.value) == (
        f"{tmp_path} is not a run folder: it has no plan.json\n"
        "  next:    name a folder under runs/, or make one with: bench run"
    )


def test_a_plan_of_another_version(tmp_path: Path) -> None:
    text = ONE.plan().model_dump_json().replace('"schema_version":1', '"schema_version":99')
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DataError, match="cannot be read as a plan: schema_version"):
        load_board([tmp_path])
