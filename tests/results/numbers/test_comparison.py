from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from results.numbers.aggregate import Cell, load_board
from results.numbers.comparison import difference, standings
from results.numbers.protocol import differences, fingerprint
from results.run.plan_file import PlannedTrial
from results.run.records import EvaluationRecord, RecordAdapter
from tests.reports.example_run import (
    Example,
    metrics_of,
    scores_of,
    write_evaluation,
    write_example,
)

HISTORIC = Path(__file__).parents[1] / "historic" / "evaluate-v1.json"


def _cells(
    run: Path, setting: str, dataset: str, split: str = "-", k: int | None = None
) -> list[Cell]:
    return [
        cell
        for cell in load_board([run]).of_setting(setting)
        if (cell.key.dataset, cell.key.split, cell.key.shots) == (dataset, split, k)
    ]


def _edit(
    run: Path, trial: PlannedTrial, edit: Callable[[EvaluationRecord], EvaluationRecord]
) -> None:
    path = run / "jobs" / trial.evaluation / "result.json"
    record = EvaluationRecord.model_validate_json(path.read_bytes())
    path.write_text(edit(record).model_dump_json())


def _set_hits(run: Path, trial: PlannedTrial, hits: np.ndarray) -> None:
    """Give a trial scores that hit exactly where ``hits`` says."""
    write_evaluation(run, trial)
    ids, labels, scores = scores_of(trial)
    scores = np.zeros_like(scores)
    scores[np.arange(len(labels)), np.where(hits, labels, (labels + 1) % scores.shape[1])] = 1
    np.savez(run / "jobs" / trial.evaluation / "scores.npz", ids=ids, labels=labels, scores=scores)
    _edit(run, trial, lambda r: r.model_copy(update={"metrics": metrics_of(labels, scores)}))


def _pair(tmp_path: Path, left: np.ndarray, right: np.ndarray) -> list[Cell]:
    """Two fully-supervised rows on 48 clips with the given hits."""
    example = Example(methods=("a5", "xclip"), settings=("fully-supervised",), broken=False)
    plan = write_example(tmp_path, example)
    for trial, hits in zip(plan.trials, (left, right), strict=True):
        _set_hits(tmp_path, trial, hits)
    return _cells(tmp_path, "fully-supervised", "mini-kinetics400")


def test_equal_methods_are_tied_and_share_the_rank(tmp_path: Path) -> None:
    hits = np.arange(48) < 30
    places = list(standings(_pair(tmp_path, hits, hits), "top1").values())
    assert [place.rank for place in places] == [1, 1]
    assert sorted(place.tied_with_best for place in places) == [False, True]


def test_a_consistent_gain_is_no_tie_though_the_intervals_overlap(tmp_path: Path) -> None:
    """Six clips more, none fewer: clip by clip that is a clear difference."""
    weak, strong = np.arange(48) < 24, np.arange(48) < 30
    a5, xclip = _pair(tmp_path, weak, strong)
    high, low = a5.estimates["top1"].high, xclip.estimates["top1"].low
    assert high is not None and low is not None and high > low
    gap = difference(xclip, a5, "top1")
    assert gap.paired
    assert gap.value == pytest.approx(12.5)
    assert not gap.tie


def test_the_same_gain_with_many_swaps_is_a_tie(tmp_path: Path) -> None:
    weak, strong = np.arange(48) < 24, np.arange(48) >= 18
    a5, xclip = _pair(tmp_path, weak, strong)
    gap = difference(xclip, a5, "top1")
    assert gap.value == pytest.approx(12.5)
    assert gap.tie


def test_the_paired_interval_of_one_seed_is_that_of_a_paired_mean(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    weak, strong = draw.random(48) < 0.5, draw.random(48) < 0.6
    a5, xclip = _pair(tmp_path, weak, strong)
    gaps = 100.0 * strong - 100.0 * weak
    expected = 1.959964 * gaps.std(ddof=1) / np.sqrt(48)
    assert difference(xclip, a5, "top1").half_width == pytest.approx(expected)


def test_without_scores_the_difference_is_taken_from_the_intervals(tmp_path: Path) -> None:
    _pair(tmp_path, np.arange(48) < 24, np.arange(48) < 30)
    for path in tmp_path.glob("jobs/*/scores.npz"):
        path.unlink()
    a5, xclip = _cells(tmp_path, "fully-supervised", "mini-kinetics400")
    gap = difference(xclip, a5, "top1")
    assert not gap.paired
    assert gap.tie


def test_numbers_of_another_protocol_are_not_ranked_and_say_what_differs(tmp_path: Path) -> None:
    example = Example(methods=("vanilla-clip", "a5", "xclip", "vifi-clip"), broken=False)
    plan = write_example(tmp_path, example)
    for trial in plan.trials:
        if trial.method == "vifi-clip" and trial.setting == "fully-supervised":
            write_evaluation(tmp_path, trial, image_size=64)
    cells = _cells(tmp_path, "fully-supervised", "mini-kinetics400")
    places = {key.row: place for key, place in standings(cells, "top1").items()}
    assert places["vifi-clip"].rank is None
    assert places["vifi-clip"].differs == {"image_size": ("64", "32")}
    assert all(places[row].rank is not None for row in ("vanilla-clip", "a5", "xclip"))


@pytest.mark.parametrize(
    ("field", "value", "ranked_together"),
    [
        ("list_sha256", "0" * 64, False),
        ("weights_sha256", "0" * 64, False),
        ("views", "4x3", False),
        ("num_frames", 16, False),
        ("pretraining", "something else", False),
        ("checkpoint", "best on test", False),
        ("checkpoint", "none (zero-shot)", True),
        ("checkpoint", "released", False),
        ("prompts", ("another prompt",), True),
        ("pipeline", "another", True),
        ("precision", "amp-fp16", True),
    ],
)
def test_which_facts_must_agree(field: str, value: object, ranked_together: bool) -> None:
    record = EvaluationRecord.model_validate_json(HISTORIC.read_bytes())
    protocol = record.protocol.model_copy(update={field: value})
    other = record.model_copy(update={"protocol": protocol})
    assert (fingerprint([record]) == fingerprint([other])) is ranked_together
    assert bool(differences([record], [other])) is not ranked_together


def test_a_lost_clip_changes_the_fingerprint() -> None:
    record = EvaluationRecord.model_validate_json(HISTORIC.read_bytes())
    counts = record.counts.model_copy(update={"scored": record.counts.scored - 1})
    assert fingerprint([record]) != fingerprint([record.model_copy(update={"counts": counts})])


def test_the_fingerprint_counts_members_that_agree_once() -> None:
    record = RecordAdapter.validate_json(HISTORIC.read_bytes())
    assert isinstance(record, EvaluationRecord)
    assert fingerprint([record]) == fingerprint([record, record, record])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    write_example(folder, Example(settings=("base-to-novel",)))
    return folder


@pytest.mark.parametrize("split", ["base", "novel", "hm"])
def test_the_order_of_the_rows_changes_no_place(run: Path, split: str) -> None:
    cells = _cells(run, "base-to-novel", "mini-ucf101", split, 16)
    metric = "hm" if split == "hm" else "top1"
    known = standings(cells, metric)
    for seed in range(5):
        order = list(cells)
        random.Random(seed).shuffle(order)
        assert standings(order, metric) == known


def test_an_incomplete_number_is_never_ranked(run: Path) -> None:
    cells = _cells(run, "base-to-novel", "mini-ucf101", "hm", 16)
    places = {key.row: place for key, place in standings(cells, "hm").items()}
    assert len(places) == 9
    assert places["a5"].rank is None
    assert all(place.rank is not None for row, place in places.items() if row != "a5")


def test_harmonic_means_are_compared_clip_by_clip(run: Path) -> None:
    cells = {c.key.row: c for c in _cells(run, "base-to-novel", "mini-hmdb51", "hm", 16)}
    gap = difference(cells["vifi-clip"], cells["vanilla-clip"], "hm")
    back = difference(cells["vanilla-clip"], cells["vifi-clip"], "hm")
    assert gap.paired
    assert gap.value == pytest.approx(-back.value)
    assert gap.half_width == pytest.approx(back.half_width)
    assert not gap.tie
