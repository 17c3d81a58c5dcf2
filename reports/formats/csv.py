"""``results.csv``: every number in tidy long form, with the columns of the published ledger."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.ground.files import write_whole
from reports.formats.base import ReportFormat
from reports.tables import Column, Slot, Table, TableRow, build_tables
from results.numbers.aggregate import Board, Cell
from results.published import COLUMNS, PublishedNumber, load

NAME = "results.csv"


def write(board: Board, out: Path) -> list[Path]:
    """Write ``results.csv`` into a folder."""
    return [
        write_whole(
            out / NAME, frame(board).to_csv(index=False, lineterminator="\n"), flag="--out DIR"
        )
    ]


def frame(board: Board) -> pd.DataFrame:
    """One row a number; a number that is not there has an empty value and a note why.

    Unrounded. The published rows of the datasets that were run follow, with ``source`` ``paper``.
    """
    records = [
        record
        for table in build_tables(board)
        for row in table.rows
        for column in table.columns
        if (record := _record(board, table, row, column)) is not None
    ]
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def _record(board: Board, table: Table, row: TableRow, column: Column) -> dict[str, object] | None:
    slot = row.slots[column.id]
    if slot.state == "absent":
        return None
    if row.kind == "published" and slot.published is not None:
        return _published(slot.published)
    whole = slot.state == "complete"
    return {
        "table": table.id,
        "row_kind": "result",
        "setting": table.setting,
        "dataset": column.group,
        "split": column.split,
        "shots": _shots(board, table, row, column),
        "method": row.name,
        "method_printed": row.title,
        "group": _group(board, row.name),
        "frames": row.facts.get("Frames", ""),
        "views": row.facts.get("Views", ""),
        "metric": column.metric,
        "value": slot.value if whole else None,
        "std": slot.std if whole else None,
        "pretraining": _pretraining(board, slot.cell),
        "train_data": _train_data(slot.cell),
        "source": f"run {slot.cell.run}" if slot.cell is not None else "run",
        "note": _note(column, slot),
    }


def _published(number: PublishedNumber) -> dict[str, object]:
    fields = {name: getattr(number, name, "") for name in COLUMNS}
    return {**fields, "row_kind": "result"}


def _shots(board: Board, table: Table, row: TableRow, column: Column) -> str:
    """As the ledger has it: 0 for a method that is not trained on the dataset, ``all`` for T4."""
    trained = board.rows[row.name].facts.trains
    if table.column_per_shots:
        return str(column.shots)
    return (table.train_clips or str(column.shots or "")) if trained else "0"


def _group(board: Board, row: str) -> str:
    method = board.rows[row].method
    return next((n.group for n in load() if n.method == method), "")


def _pretraining(board: Board, cell: Cell | None) -> str:
    for record in cell.records if cell is not None else ():
        return record.protocol.pretraining
    run = next((r for r in board.runs if cell is not None and cell.run == r.plan.name), None)
    return run.plan.backbone.pretraining if run is not None else ""


def _train_data(cell: Cell | None) -> str:
    trials = [member.trial.train_data for member in cell.members] if cell is not None else []
    return ", ".join(dict.fromkeys(filter(None, trials)))


def _note(column: Column, slot: Slot) -> str:
    notes = ["synthetic clips; not comparable with published numbers"] if column.synthetic else []
    if slot.state == "incomplete" and slot.value is not None:
        notes.append(f"incomplete: {slot.reason}; mean of those done {slot.value:.2f}")
    elif slot.state != "complete":
        notes.append(f"{slot.state}: {slot.reason}")
    if slot.standing.differs:
        notes.append("other protocol: " + ", ".join(slot.standing.differs))
    if caveat := slot.caveat(column.metric):
        notes.append(caveat)
    records = () if slot.cell is None else slot.cell.records
    labels = sorted({record.protocol.labels for record in records} - {"", "paper"})
    notes += [f"class names: {name}" for name in labels if not column.synthetic]
    return "; ".join(notes)


REPORT = ReportFormat("csv", "one row per number, for programs", write)
