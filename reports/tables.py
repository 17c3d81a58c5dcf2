"""The paper's Tables 1 to 4 for whatever was run: rows of methods, columns of datasets.

A table knows nothing of Markdown or HTML; every report draws the same ``Slot``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from results.numbers.aggregate import Board, Cell, CellKey, Row
from results.numbers.comparison import Standing, standings
from results.numbers.coverage import Coverage, coverage
from results.published import PublishedNumber, load
from results.run.plan_file import PlannedSetting

METRIC_TITLES = {"top1": "Top-1", "top5": "Top-5", "hm": "HM"}
_SPLITS = ("-", "base", "novel", "hm")
_NOT_RANKED = Standing(None)


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    Attributes:
        dataset: Name of the dataset.
        group: Its title, the upper header line.
        label: The lower header line: ``Base``, ``K=4``, ``Top-1``.
        shots: Few-shot K, or None.
        split: ``-``, ``base``, ``novel`` or ``hm``.
        metric: ``top1``, ``top5`` or ``hm``.
        synthetic: True: no published number may stand in it.
        per_shots: Whether its table has a column for each number of shots.
    """

    dataset: str
    group: str
    label: str
    shots: int | None
    split: str
    metric: str
    synthetic: bool
    per_shots: bool = False

    @property
    def id(self) -> str:
        """Unique in its table."""
        return f"{self.dataset}/{self.shots or '-'}/{self.split}/{self.metric}"

    @property
    def title(self) -> str:
        """Both header lines in one."""
        return f"{self.group} {self.label}"


@dataclass(frozen=True)
class Slot:
    """What stands where a row and a column meet.

    Attributes:
        state: A cell's state, ``published``, or ``absent`` (never asked for).
        value: Percent; None where there is no number.
        std: The ±, or None.
        cell: The cell of a run's row.
        standing: Its place in the column.
        published: A published row's number; in a run's row the published one of the same method.
        reason: Why there is no whole number.
    """

    state: Literal["complete", "incomplete", "failed", "pending", "skipped", "published", "absent"]
    value: float | None = None
    std: float | None = None
    cell: Cell | None = None
    standing: Standing = _NOT_RANKED
    published: PublishedNumber | None = None
    reason: str = ""

    @property
    def coverage(self) -> Coverage | None:
        """What the number rests on; None where there is no number of a run."""
        return None if self.cell is None or self.value is None else coverage(self.cell)

    def caveat(self, metric: str) -> str:
        """What to know of a number that rests on fewer clips than listed; '' elsewhere."""
        return "" if self.coverage is None else self.coverage.sentence(metric)

    @property
    def partial(self) -> bool:
        """Whether it is to be marked as partial data."""
        return self.coverage is not None and self.coverage.partial


@dataclass(frozen=True)
class TableRow:
    """A method of a run, or a published row.

    Attributes:
        kind: ``run`` or ``published``.
        name: Row name.
        title: As printed.
        slots: Column id -> slot; every column has one.
        facts: Fact column -> text, for tables that show some (frames and views in Table 4).
    """

    kind: Literal["run", "published"]
    name: str
    title: str
    slots: dict[str, Slot]
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table of one setting."""

    id: str
    setting: str
    title: str
    spread: Literal["splits", "seeds"]
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    fact_columns: tuple[str, ...] = ()
    train_clips: str = ""
    column_per_shots: bool = False

    @property
    def synthetic(self) -> bool:
        """Whether any column is about synthetic clips."""
        return any(column.synthetic for column in self.columns)


def build_tables(board: Board) -> list[Table]:
    """One table a setting that has cells, in the order of the paper's numbers."""
    tables = [
        _table(board, setting)
        for setting in board.settings
        if any(key.setting == setting for key in board.cells)
    ]
    return sorted(tables, key=lambda table: (len(table.id), table.id) if table.id else (99, ""))


def _table(board: Board, setting: str) -> Table:
    facts = board.settings[setting]
    printed = [n for n in load() if n.table == facts.table and n.setting == setting]
    columns = _columns(board, setting, printed)
    rows = _run_rows(board, setting, columns, printed)
    real = {column.group for column in columns if not column.synthetic}
    shown = [number for number in printed if number.dataset in real]
    return Table(
        id=facts.table,
        setting=setting,
        title=facts.title,
        spread=facts.spread,
        columns=tuple(columns),
        rows=(*rows, *_published_rows(columns, shown)),
        fact_columns=facts.fact_columns,
        train_clips=facts.train_clips,
        column_per_shots=facts.column_per_shots,
    )


def _place(name: str, order: Sequence[str]) -> int:
    """Position in the paper's order; what the paper lacks comes last, in its own order."""
    return order.index(name) if name in order else len(order)


def _columns(board: Board, setting: str, printed: Sequence[PublishedNumber]) -> list[Column]:
    facts = board.settings[setting]
    order = list(dict.fromkeys(number.dataset for number in printed))
    keys = [key for key in board.cells if key.setting == setting]
    names = [name for name in board.datasets if any(key.dataset == name for key in keys)]
    names.sort(key=lambda name: _place(board.datasets[name].title.removeprefix("mini-"), order))
    columns = []
    for name in names:
        parts = {
            (key.shots, key.split)
            for key in keys
            if key.dataset == name and board.cells[key].state != "skipped"
        }
        for shots, split in sorted(parts, key=lambda p: (p[0] or 0, _SPLITS.index(p[1]))):
            for metric in _metrics(facts, name, split):
                label = _label(facts, shots, split, metric)
                dataset = board.datasets[name]
                columns.append(
                    Column(
                        name,
                        dataset.title,
                        label,
                        shots,
                        split,
                        metric,
                        dataset.synthetic,
                        facts.column_per_shots,
                    )
                )
    return columns


def _metrics(facts: PlannedSetting, dataset: str, split: str) -> tuple[str, ...]:
    """What the setting shows of each number."""
    return ("hm",) if split == "hm" else facts.metrics.get(dataset, ("top1",))


def _label(facts: PlannedSetting, shots: int | None, split: str, metric: str) -> str:
    if split in facts.split_titles:
        return facts.split_titles[split]
    if facts.column_per_shots and shots is not None:
        return f"K={shots}"
    return METRIC_TITLES.get(metric, metric)


def _run_rows(
    board: Board, setting: str, columns: Sequence[Column], printed: Sequence[PublishedNumber]
) -> list[TableRow]:
    present = {key.row for key in board.cells if key.setting == setting}
    order = list(dict.fromkeys(number.method for number in printed))
    rows = [row for row in board.rows.values() if row.name in present]
    rows.sort(key=lambda row: (row.facts.trains or row.method in order, _place(row.method, order)))
    places = {column.id: _column_places(board, setting, rows, column) for column in columns}
    return [
        TableRow(
            "run",
            row.name,
            row.title,
            {
                column.id: _slot(board, setting, row, column, places[column.id], printed)
                for column in columns
            },
            _facts(board, setting, row),
        )
        for row in rows
    ]


def _find(board: Board, setting: str, row: Row, column: Column) -> Cell | None:
    """The cell of a row and column; a skipped cell stands for all columns of its dataset."""
    key = CellKey(setting, row.name, column.dataset, column.shots, column.split)
    whole = CellKey(setting, row.name, column.dataset, None, "-")
    return board.cells.get(key) or next(
        (c for c in [board.cells.get(whole)] if c is not None and c.state == "skipped"), None
    )


def _column_places(
    board: Board, setting: str, rows: Sequence[Row], column: Column
) -> dict[CellKey, Standing]:
    found = [_find(board, setting, row, column) for row in rows]
    return standings([cell for cell in found if cell is not None], column.metric)


def _slot(
    board: Board,
    setting: str,
    row: Row,
    column: Column,
    places: dict[CellKey, Standing],
    printed: Sequence[PublishedNumber],
) -> Slot:
    cell = _find(board, setting, row, column)
    if cell is None:
        return Slot("absent", reason="not part of this run")
    estimate = cell.estimates.get(column.metric)
    reason = cell.reason
    if estimate is None and cell.state == "complete":
        reason = f"its records hold no {column.metric}"
    return Slot(
        state="failed" if estimate is None and cell.state == "complete" else cell.state,
        value=None if estimate is None else estimate.mean,
        std=None if estimate is None else estimate.std,
        cell=cell,
        standing=places.get(cell.key, _NOT_RANKED),
        published=_printed_for(row.method, column, printed),
        reason=reason,
    )


def _printed_for(
    method: str, column: Column, printed: Sequence[PublishedNumber]
) -> PublishedNumber | None:
    """The published number of a method in a column; never one for a synthetic dataset."""
    if column.synthetic:
        return None
    return next((n for n in printed if n.method == method and _same_column(n, column)), None)


def _same_column(number: PublishedNumber, column: Column) -> bool:
    """Few-shot numbers must agree in K; elsewhere a table has one number of shots.

    A number printed for 0 shots is that of a method that is not trained: it holds for every K.
    """
    same_shots = not column.per_shots or number.shots in ("0", str(column.shots or ""))
    place = (number.dataset, number.split, number.metric)
    return same_shots and place == (column.group, column.split, column.metric)


def _facts(board: Board, setting: str, row: Row) -> dict[str, str]:
    trials = [
        member.trial
        for cell in board.of_setting(setting)
        if cell.key.row == row.name
        for member in cell.members
    ]
    frames = sorted({str(t.num_frames) for t in trials if t.num_frames is not None}, key=int)
    views = sorted({trial.views for trial in trials})
    return {"Frames": ", ".join(frames), "Views": ", ".join(views)}


def _published_rows(
    columns: Sequence[Column], printed: Sequence[PublishedNumber]
) -> list[TableRow]:
    methods: dict[tuple[str, str], list[PublishedNumber]] = {}
    for number in printed:
        methods.setdefault((number.method, number.method_printed), []).append(number)
    rows = []
    for (method, title), numbers in methods.items():
        slots = {column.id: _published_slot(numbers, column) for column in columns}
        if any(slot.state == "published" for slot in slots.values()):
            first = numbers[0]
            facts = {"Frames": str(first.frames or ""), "Views": first.views}
            rows.append(TableRow("published", method, title, slots, facts))
    return rows


def _published_slot(numbers: Sequence[PublishedNumber], column: Column) -> Slot:
    if not column.synthetic:
        for number in numbers:
            if _same_column(number, column):
                return Slot("published", number.value, number.std, published=number)
    return Slot("absent", reason="not printed")
