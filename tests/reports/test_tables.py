from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reports.formats import csv as long_csv
from reports.formats import html as page
from reports.formats import md as markdown
from reports.formatting import best
from reports.tables import Slot, Table, build_tables
from results.numbers.aggregate import Board, load_board
from results.numbers.comparison import Difference, Standing
from results.published import COLUMNS
from results.run.plan_file import PlannedSetting, write_plan
from results.run.records import EvaluationRecord, RecordAdapter, TrainRecord
from tests.reports.example_run import Example, write_example


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Board:
    folder = tmp_path_factory.mktemp("mini")
    write_example(folder, Example(lost=0))
    return load_board([folder])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Board:
    folder = tmp_path_factory.mktemp("real")
    methods = ("vifi-clip", "vanilla-clip", "xclip")
    write_example(folder, Example(methods=methods, synthetic=False, name="real"))
    return load_board([folder])


def table(board: Board, setting: str) -> Table:
    return next(table for table in build_tables(board) if table.setting == setting)


def test_the_tables_of_the_paper_in_its_order(mini: Board) -> None:
    assert [t.id for t in build_tables(mini)] == ["T1", "T2", "T3", "T4"]


@pytest.mark.parametrize(
    ("setting", "columns"),
    [
        ("zero-shot", ["HMDB-51 Top-1", "UCF-101 Top-1", "K600 Top-1", "K600 Top-5"]),
        (
            "base-to-novel",
            [
                f"{d} {s}"
                for d in ("K400", "HMDB-51", "UCF-101", "SSv2")
                for s in ("Base", "Novel", "HM")
            ],
        ),
        ("few-shot", [f"{d} K={k}" for d in ("HMDB-51", "UCF-101", "SSv2") for k in (2, 4, 8, 16)]),
        ("fully-supervised", ["K400 Top-1", "K400 Top-5"]),
    ],
)
def test_columns_are_those_of_the_paper(
    mini: Board, real: Board, setting: str, columns: list[str]
) -> None:
    assert [column.title for column in table(real, setting).columns] == columns
    assert [column.title for column in table(mini, setting).columns] == [
        f"mini-{c}" for c in columns
    ]


def test_rows_are_in_the_order_of_the_paper(real: Board) -> None:
    for shown in build_tables(real):
        names = [row.name for row in shown.rows if row.kind == "run"]
        assert names == ["vanilla-clip", "xclip", "vifi-clip"]


def test_fully_supervised_states_frames_and_views(mini: Board) -> None:
    shown = table(mini, "fully-supervised")
    assert shown.fact_columns == ("Frames", "Views")
    assert shown.rows[0].facts == {"Frames": "8", "Views": "4x3"}


def test_published_rows_stand_beside_real_datasets(real: Board) -> None:
    shown = table(real, "zero-shot")
    published = {row.title: row for row in shown.rows if row.kind == "published"}
    assert {"ViFi-CLIP", "ActionCLIP", "ER-ZSAR"} <= published.keys()
    hmdb = shown.columns[0]
    slot = published["ViFi-CLIP"].slots[hmdb.id]
    assert (slot.state, slot.value, slot.std) == ("published", 51.3, 0.6)
    assert slot.standing.rank is None
    ours = next(row for row in shown.rows if (row.kind, row.name) == ("run", "vifi-clip"))
    beside = ours.slots[hmdb.id].published
    assert beside is not None and beside.value == 51.3


def test_few_shot_numbers_stand_beside_those_of_the_same_k(real: Board) -> None:
    shown = table(real, "few-shot")
    row = next(row for row in shown.rows if (row.kind, row.name) == ("run", "xclip"))
    printed = [row.slots[column.id].published for column in shown.columns[:4]]
    assert [number.value for number in printed if number] == [53.0, 57.3, 62.8, 64.0]


def test_a_number_that_needs_no_training_is_published_for_every_k(tmp_path: Path) -> None:
    """Table 5 prints vanilla CLIP's numbers for 0 shots, beside others for 16."""
    example = Example(methods=("vanilla-clip",), settings=("few-shot",), synthetic=False)
    plan = write_example(tmp_path, example)
    fusion = PlannedSetting(title="Levels of fusion", table="T5", spread="seeds")
    write_plan(plan.model_copy(update={"settings": {"few-shot": fusion}}), tmp_path)
    shown = table(load_board([tmp_path]), "few-shot")
    assert shown.id == "T5"
    ours, published = (
        next(row for row in shown.rows if (row.kind, row.name) == (kind, "vanilla-clip"))
        for kind in ("run", "published")
    )
    wide = {column.dataset: column for column in shown.columns if column.shots == 16}
    for dataset, value in (("hmdb51", 41.9), ("ucf101", 63.6), ("ssv2", 2.7)):
        slot = ours.slots[wide[dataset].id]
        assert slot.published is not None and slot.published.value == value
        assert published.slots[wide[dataset].id].value == value
    names = [row.name for row in shown.rows if row.kind == "published"]
    assert names == [
        "vanilla-clip",
        "vifi-clip/decision-fusion",
        "vifi-clip/image-fusion",
        "vifi-clip/embedding-fusion",
    ]


def test_published_numbers_never_stand_beside_synthetic_ones(mini: Board) -> None:
    for shown in build_tables(mini):
        assert all(row.kind == "run" for row in shown.rows)
        assert all(slot.published is None for row in shown.rows for slot in row.slots.values())
    assert "published)" not in markdown.render(mini)
    assert not (long_csv.frame(mini)["source"] == "paper").any()


def test_every_row_has_a_slot_in_every_column_also_without_a_number(mini: Board) -> None:
    shown = table(mini, "zero-shot")
    row = next(row for row in shown.rows if row.name == "a6")
    assert {slot.state for slot in row.slots.values()} == {"skipped"}
    assert len(row.slots) == len(shown.columns)


def test_markdown_marks_what_is_not_whole(mini: Board) -> None:
    text = markdown.render(mini)
    assert "> **Synthetic data.** These numbers are about synthetic clips of the mini world" in text
    assert "failed [1]" in text
    assert "- [1] training failed (oom): killed at 3.9 GB of 3.8 GB" in text
    assert "2/3 [1]" in text
    assert "- [1] 2 of 3 done; seed 3: not trained yet" in text
    assert "not run yet [1]" in text
    assert "n/a [1]" in text
    assert "≈" in text


def test_markdown_of_a_real_run_has_no_warning_and_names_its_published_rows(real: Board) -> None:
    text = markdown.render(real)
    assert "synthetic" not in text.lower()
    assert "ViFi-CLIP (published)" in text
    assert "51.3 ± 0.6" in text


def test_markdown_cells_cannot_break_the_table() -> None:
    notes = markdown.Footnotes()
    assert notes.mark("a | b <script>\nc") == "[1]"
    assert notes.mark("other") == "[2]"
    assert notes.mark("a | b <script>\nc") == "[1]"
    assert notes.lines() == ["- [1] a \\| b &lt;script> c", "- [2] other"]


def test_csv_has_the_columns_of_the_ledger_and_unrounded_values(
    real: Board, tmp_path: Path
) -> None:
    (path,) = long_csv.write(real, tmp_path)
    frame = pd.read_csv(path, keep_default_na=False)
    assert tuple(frame.columns) == COLUMNS
    ours = frame[
        (frame["source"] == "run real")
        & (frame["dataset"] == "UCF-101")
        & (frame["method"] == "vifi-clip")
        & (frame["split"] == "hm")
    ]
    assert len(ours) == 1
    cell = next(
        cell
        for key, cell in real.cells.items()
        if (key.dataset, key.row, key.split) == ("ucf101", "vifi-clip", "hm")
    )
    assert float(ours["value"].iloc[0]) == pytest.approx(cell.estimates["hm"].mean, abs=1e-12)
    assert ours["table"].iloc[0] == "T2"
    assert ours["group"].iloc[0] == "tuning"
    printed = frame[frame["source"] == "paper"]
    assert set(printed["row_kind"]) == {"result"}
    t1 = printed[(printed["table"] == "T1") & (printed["method"] == "vifi-clip")]
    assert list(t1["value"].astype(float)) == [51.3, 76.8, 71.2, 92.2]


def test_csv_gives_no_value_for_what_is_not_whole(mini: Board) -> None:
    frame = long_csv.frame(mini)
    incomplete = frame[frame["note"].str.contains("incomplete: 2 of 3 done")]
    assert len(incomplete) == 3
    assert incomplete["value"].isna().all()
    assert incomplete["note"].str.contains("mean of those done").all()
    failed = frame[frame["note"].str.contains("failed: training failed")]
    assert len(failed) == 1
    assert failed["value"].isna().all()
    assert frame["note"].str.startswith("synthetic clips; not comparable").all()


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """One of 73 clips of HMDB-51 (1.4 %) gave no frames; nothing else is wrong."""
    folder = tmp_path_factory.mktemp("lossy")
    methods = ("vifi-clip", "vanilla-clip")
    write_example(folder, Example(methods=methods, settings=("zero-shot",), synthetic=False))
    return load_board([folder])


def test_a_number_on_too_few_clips_is_marked_with_its_bounds(lossy: Board) -> None:
    shown = table(lossy, "zero-shot")
    column = shown.columns[0]
    row = next(row for row in shown.rows if (row.kind, row.name) == ("run", "vifi-clip"))
    slot = row.slots[column.id]
    assert slot.partial
    assert slot.value is not None
    low, high = slot.value * 72 / 73, (slot.value * 72 + 100) / 73
    caveat = (
        "partial data: 3 of 219 listed clips gave no frames and are left out; "
        f"{low:.1f} if all of them were wrong, {high:.1f} if all were right"
    )
    assert slot.caveat("top1") == caveat
    text = markdown.render(lossy)
    assert f"{slot.value:.1f} ± {slot.std:.1f}** ◔ [" in text
    assert f"] {caveat}\n" in text
    assert "◔: partial data, fewer than 99.5 % of a listed set of clips gave frames." in text
    frame = long_csv.frame(lossy)
    ours = frame[(frame["method"] == "vifi-clip") & (frame["source"] == "run example")]
    assert ours["note"].tolist()[0] == caveat
    assert all(note.startswith("partial data: ") for note in ours["note"])


def test_nothing_is_marked_where_every_clip_gave_frames(mini: Board) -> None:
    text = markdown.render(mini)
    assert "◔" not in text
    assert not long_csv.frame(mini)["note"].str.contains("partial data").any()
    assert not any(
        slot.caveat("top1")
        for shown in build_tables(mini)
        for row in shown.rows
        for slot in row.slots.values()
    )


def _with_labels(run: Path, labels: dict[str, str]) -> Board:
    """A run whose records say which class names its datasets were scored with."""
    for path in run.glob("jobs/*/result.json"):
        record = RecordAdapter.validate_json(path.read_bytes())
        if isinstance(record, EvaluationRecord):
            chosen = {"labels": labels[record.protocol.dataset]}
            protocol = record.protocol.model_copy(update=chosen)
            path.write_text(record.model_copy(update={"protocol": protocol}).model_dump_json())
    return load_board([run])


def test_the_leaderboard_says_whose_class_names_were_scored(tmp_path: Path) -> None:
    write_example(
        tmp_path,
        Example(methods=("vifi-clip",), settings=("zero-shot",), synthetic=False, lost=0),
    )
    released = dict.fromkeys(("hmdb51", "ucf101", "kinetics600"), "paper")
    board = _with_labels(tmp_path, released)
    same = "Class names are those of the label files as they are."
    assert same in markdown.render(board)
    assert same in page.render(board)
    board = _with_labels(tmp_path, {**released, "hmdb51": "official", "ucf101": "paper, spaced"})
    mixed = (
        "Class names are those that the clips have in the official annotations for HMDB-51; "
        "those of the label files as they are for K600; "
        "those of the label files as they are (spaced) for UCF-101."
    )
    assert mixed in markdown.render(board)
    numbers = long_csv.frame(board).query("metric == 'top1' and source == 'run example'")
    notes = dict(zip(numbers["dataset"], numbers["note"], strict=True))
    assert notes["HMDB-51"] == "class names: official"
    assert notes["UCF-101"] == "class names: paper, spaced"
    assert notes["K600"] == ""
    other = "Its class names are not those of the released label files."
    assert other in page.render(board)
    assert other not in page.render(_with_labels(tmp_path, released))


def test_older_records_do_not_say_and_nothing_is_claimed(lossy: Board, mini: Board) -> None:
    assert "Class names are" not in markdown.render(lossy) + markdown.render(mini)


def test_an_opened_number_says_what_its_training_did_about_bad_clips(tmp_path: Path) -> None:
    plan = write_example(tmp_path, Example(methods=("a5",), settings=("fully-supervised",)))
    path = tmp_path / "jobs" / str(plan.trials[0].training) / "result.json"
    record = TrainRecord.model_validate_json(path.read_bytes())
    changed = {"policy": "replace-within-class", "replaced": 24}
    path.write_text(record.model_copy(update=changed).model_dump_json())
    text = page.render(load_board([tmp_path]))
    assert (
        "In training a clip without frames was replaced by another of its class 24 times." in text
    )


def test_all_that_have_exactly_the_best_number_are_the_best() -> None:
    gap = Difference(0.0, 1.0, paired=True)
    equal = Slot("complete", 50.0, standing=Standing(1, tied_with_best=True, to_best=gap))
    lower = replace(equal, standing=Standing(2, tied_with_best=True, to_best=gap))
    assert [best(equal), best(lower)] == [True, False]
