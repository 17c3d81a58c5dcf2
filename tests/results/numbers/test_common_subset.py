"""Two methods on the clips both have scored; hits and losses are set clip by clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from results.numbers.aggregate import Cell, load_board
from results.numbers.common_subset import compare_on_common
from results.numbers.comparison import difference
from results.numbers.statistics import harmonic_mean
from results.run.plan_file import PlannedTrial
from results.run.records import BadClip, Counts, EvaluationRecord
from tests.reports.example_run import (
    Example,
    metrics_of,
    scores_of,
    write_evaluation,
    write_example,
)


def score(run: Path, trial: PlannedTrial, hits: np.ndarray, lost: np.ndarray) -> None:
    """An evaluation that hits where ``hits`` says; ``lost`` clips gave no frames."""
    write_evaluation(run, trial)
    ids, labels, scores = scores_of(trial)
    scores = np.zeros_like(scores)
    scores[np.arange(len(labels)), np.where(hits, labels, (labels + 1) % scores.shape[1])] = 1
    kept = ~lost
    folder = run / "jobs" / trial.evaluation
    np.savez(folder / "scores.npz", ids=ids[kept], labels=labels[kept], scores=scores[kept])
    path = folder / "result.json"
    record = EvaluationRecord.model_validate_json(path.read_bytes())
    n, left = len(ids), int(kept.sum())
    changed = record.model_copy(
        update={
            "metrics": metrics_of(labels[kept], scores[kept]),
            "counts": Counts(listed=n, present=n, decoded=left, scored=left),
            "bad_clips": tuple(BadClip(clip=str(clip), reason="empty") for clip in ids[lost]),
        }
    )
    path.write_text(changed.model_dump_json())


def cells(run: Path, setting: str, split: str = "-") -> list[Cell]:
    board = load_board([run])
    return [cell for cell in board.of_setting(setting) if cell.key.split == split]


def test_only_clips_that_both_scored_count(tmp_path: Path) -> None:
    example = Example(methods=("a5", "xclip"), settings=("fully-supervised",), broken=False)
    one, two = write_example(tmp_path, example).trials
    place = np.arange(48)
    # The first loses eight clips that it would have missed, the second four that it would have hit.
    score(tmp_path, one, hits=place < 30, lost=place >= 40)
    score(tmp_path, two, hits=place < 24, lost=place < 4)
    left, right = cells(tmp_path, "fully-supervised")
    assert left.estimates["top1"].mean == pytest.approx(75.0)
    assert right.estimates["top1"].mean == pytest.approx(100 * 20 / 44)
    found = compare_on_common(left, right, "top1")
    assert found is not None
    assert (found.clips, found.only_left, found.only_right, found.pairs) == (36, 4, 8, 1)
    assert found.left == pytest.approx(100 * 26 / 36)
    assert found.right == pytest.approx(100 * 20 / 36)
    assert found.difference.value == pytest.approx(100 * 6 / 36)
    assert found.difference.paired
    back = compare_on_common(right, left, "top1")
    assert back is not None
    assert back.difference.value == pytest.approx(-found.difference.value)
    assert back.difference.half_width == pytest.approx(found.difference.half_width)
    assert left.fingerprint != right.fingerprint, "their own numbers are not ranked together"


@pytest.mark.parametrize("setting", ["zero-shot", "base-to-novel", "few-shot"])
def test_on_the_same_clips_it_is_the_difference_of_the_cells(tmp_path: Path, setting: str) -> None:
    example = Example(
        methods=("vanilla-clip", "xclip", "a5"), settings=(setting,), broken=False, lost=0
    )
    write_example(tmp_path, example)
    board = load_board([tmp_path])
    compared = 0
    for cell in board.of_setting(setting):
        for other in board.of_setting(setting):
            column = (cell.key.dataset, cell.key.shots, cell.key.split)
            same = column == (other.key.dataset, other.key.shots, other.key.split)
            if not same or cell.key.row == other.key.row:
                continue
            for metric in cell.estimates:
                found = compare_on_common(cell, other, metric)
                expected = difference(cell, other, metric)
                assert found is not None
                assert found.difference.value == pytest.approx(expected.value)
                assert found.difference.half_width == pytest.approx(expected.half_width)
                assert (found.only_left, found.only_right) == (0, 0)
                compared += 1
    assert compared > 10


def test_the_harmonic_mean_is_that_of_the_common_halves(tmp_path: Path) -> None:
    example = Example(methods=("a5", "xclip"), settings=("base-to-novel",), broken=False, lost=0)
    plan = write_example(tmp_path, example)
    for trial in plan.trials:
        if trial.dataset == "mini-ssv2":
            place = np.arange(64)
            first = trial.method == "a5"
            hits = place < (40 if trial.split == "base" else 20)
            score(tmp_path, trial, hits, place >= 60 if first else np.zeros(64, bool))
    left, right = (
        cell for cell in cells(tmp_path, "base-to-novel", "hm") if cell.key.dataset == "mini-ssv2"
    )
    found = compare_on_common(left, right, "hm")
    assert found is not None
    assert found.left == pytest.approx(harmonic_mean(100 * 40 / 60, 100 * 20 / 60))
    assert found.right == pytest.approx(found.left)
    assert found.pairs == 3
    assert (found.only_left, found.only_right) == (0, 8)


def test_without_scores_or_common_clips_there_is_no_comparison(tmp_path: Path) -> None:
    example = Example(methods=("a5", "xclip"), settings=("fully-supervised",), broken=False)
    one, two = write_example(tmp_path, example).trials
    place = np.arange(48)
    score(tmp_path, one, place < 9, place < 24)
    score(tmp_path, two, place < 9, place >= 24)
    left, right = cells(tmp_path, "fully-supervised")
    assert compare_on_common(left, right, "top1") is None
    assert compare_on_common(left, left, "mean_class") is None
    (tmp_path / "jobs" / two.evaluation / "scores.npz").unlink()
    left, right = cells(tmp_path, "fully-supervised")
    assert compare_on_common(left, right, "top1") is None
