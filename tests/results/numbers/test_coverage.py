"""Bounds of numbers that rest on fewer clips than their lists have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.numbers.aggregate import load_board
from results.numbers.coverage import coverage, record_bounds
from results.numbers.statistics import harmonic_mean
from results.run.records import Counts, EvaluationRecord, RecordAdapter
from tests.reports.example_run import Example, write_example

HISTORIC = Path(__file__).parents[1] / "historic" / "evaluate-v1.json"


def record(listed: int, decoded: int, hits: int, *, wrong: bool = False) -> EvaluationRecord:
    """Top-1 of ``hits`` clips among the decoded ones; the others are left out or wrong."""
    known = RecordAdapter.validate_json(HISTORIC.read_bytes())
    assert isinstance(known, EvaluationRecord)
    scored = listed if wrong else decoded
    return known.model_copy(
        update={
            "counts": Counts(listed=listed, present=listed, decoded=decoded, scored=scored),
            "metrics": {"top1": 100.0 * hits / scored, "mean_class": 50.0},
        }
    )


@given(data=st.data(), listed=st.integers(1, 2000))
def test_bounds_are_those_of_the_whole_list(data: st.DataObject, listed: int) -> None:
    decoded = data.draw(st.integers(1, listed))
    hits = data.draw(st.integers(0, decoded))
    for wrong in (False, True):
        found = record_bounds(record(listed, decoded, hits, wrong=wrong), "top1")
        assert found is not None
        assert found[0] == pytest.approx(100 * hits / listed)
        assert found[1] == pytest.approx(100 * (hits + listed - decoded) / listed)


def test_a_mean_over_classes_has_no_bounds() -> None:
    assert record_bounds(record(10, 9, 5), "mean_class") is None
    assert record_bounds(record(10, 9, 5), "top5") is None


@pytest.mark.parametrize(
    ("lost", "listed", "partial"), [(1, 200, False), (1, 199, True), (2, 400, False), (0, 5, False)]
)
def test_a_cell_is_partial_below_99_5_percent_of_any_of_its_lists(
    tmp_path: Path, lost: int, listed: int, partial: bool
) -> None:
    plan = write_example(tmp_path, Example(methods=("a5",), settings=("zero-shot",), lost=0))
    path = tmp_path / "jobs" / plan.trials[0].evaluation / "result.json"
    decoded = listed - lost
    changed = EvaluationRecord.model_validate_json(path.read_bytes()).model_copy(
        update={
            "counts": Counts(listed=listed, present=listed, decoded=decoded, scored=decoded),
            "scores": "not kept",
        }
    )
    path.write_text(changed.model_dump_json())
    found = coverage(load_board([tmp_path]).of_setting("zero-shot")[0])
    assert (found.listed - found.decoded, found.whole) == (lost, lost == 0)
    assert found.percent == pytest.approx(100 * decoded / listed)
    assert found.partial == partial
    assert bool(found.sentence("top1")) == (lost > 0)
    assert found.sentence("top1").startswith("partial data: ") == partial


def test_bounds_of_a_harmonic_mean_are_those_of_its_halves(tmp_path: Path) -> None:
    write_example(tmp_path, Example(methods=("a5",), settings=("base-to-novel",), broken=False))
    cells = {
        cell.key.split: coverage(cell)
        for cell in load_board([tmp_path]).of_setting("base-to-novel")
        if cell.key.dataset == "mini-hmdb51"
    }
    base, novel = cells["base"].bounds["top1"], cells["novel"].bounds["top1"]
    assert cells["hm"].bounds["hm"] == pytest.approx(
        (harmonic_mean(base[0], novel[0]), harmonic_mean(base[1], novel[1]))
    )
    assert cells["hm"].sentence("hm").startswith("partial data: 6 of 438 listed clips gave no ")


def test_what_became_of_the_clips_is_said(tmp_path: Path) -> None:
    plan = write_example(tmp_path, Example(methods=("a5",), settings=("fully-supervised",)))
    path = tmp_path / "jobs" / plan.trials[0].evaluation / "result.json"
    left_out = EvaluationRecord.model_validate_json(path.read_bytes())
    counts = left_out.counts.model_copy(update={"scored": left_out.counts.listed})
    sentences = []
    for written in (left_out, left_out.model_copy(update={"counts": counts})):
        path.write_text(written.model_dump_json())
        (cell,) = load_board([tmp_path]).of_setting("fully-supervised")
        sentences.append(coverage(cell).sentence("top1"))
    assert "gave no frames and are left out; " in sentences[0]
    assert "gave no frames and count as wrong; " in sentences[1]
