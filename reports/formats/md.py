"""``tables.md``: the tables as Markdown, with a footnote for every number that is not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from bench.ground.files import write_whole
from reports.formats.base import ReportFormat
from reports.formatting import (
    BEST_NOTE,
    PARTIAL,
    PARTIAL_NOTE,
    STATE_WORDS,
    SYNTHETIC_WARNING,
    best,
    labels_note,
    members_done,
    spread_note,
    with_spread,
)
from reports.tables import Column, Slot, Table, build_tables
from results.numbers.aggregate import Board
from results.published import CITATION

NAME = "tables.md"


class Footnotes:
    """Numbers reasons in the order they come; an equal reason keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, reason: str) -> str:
        """``[2]``."""
        return f"[{self._numbers.setdefault(reason, len(self._numbers) + 1)}]"

    def lines(self) -> list[str]:
        """A numbered list."""
        return [f"- [{n}] {_escape(reason)}" for reason, n in self._numbers.items()]


def write(board: Board, out: Path) -> list[Path]:
    """Write ``tables.md`` into a folder."""
    return [write_whole(out / NAME, render(board), flag="--out DIR")]


def render(board: Board) -> str:
    """All tables of a board as one Markdown text."""
    parts = ["# " + _escape(", ".join(run.plan.name for run in board.runs))]
    if board.synthetic:
        parts.append(f"> **Synthetic data.** {SYNTHETIC_WARNING}")
    for run in board.runs:
        backbone = run.plan.backbone
        pretraining = f", pre-trained on {backbone.pretraining}" if backbone.pretraining else ""
        parts.append(_escape(f"Run {run.plan.name}: backbone {backbone.name}{pretraining}."))
    parts += [_section(table) for table in build_tables(board)]
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    notes = Footnotes()
    grid = frame(table, notes)
    text = tabulate(
        grid.to_records(index=False).tolist(),
        headers=[_escape(str(name)) for name in grid.columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left", *["right"] * (len(grid.columns) - 1)],
    )
    heading = f"## {f'Table {table.id[1:]}: ' if table.id else ''}{_escape(table.title)}"
    lines = [*filter(None, [spread_note(table), labels_note(table)]), BEST_NOTE]
    if any(slot.partial for row in table.rows for slot in row.slots.values()):
        lines.append(PARTIAL_NOTE)
    if any(row.kind == "published" for row in table.rows):
        lines.append(f"Rows marked “published” are printed in {CITATION}; they are not ranked.")
    return "\n\n".join([heading, text, " ".join(lines), *filter(None, ["\n".join(notes.lines())])])


def frame(table: Table, notes: Footnotes) -> pd.DataFrame:
    """The table as text: a row a method (also one without any number), a column a number."""
    records = [
        {
            "Method": _escape(row.title) + (" (published)" if row.kind == "published" else ""),
            **{name: row.facts.get(name, "") for name in table.fact_columns},
            **{c.title: cell_text(c, row.slots[c.id], notes) for c in table.columns},
        }
        for row in table.rows
    ]
    columns = ["Method", *table.fact_columns, *[column.title for column in table.columns]]
    return pd.DataFrame.from_records(records, columns=columns).astype(object)


def cell_text(column: Column, slot: Slot, notes: Footnotes) -> str:
    """``**51.3 ± 0.6**``, ``50.9 ± 0.7 ≈``, ``failed [1]``, ``(44.0) 2/3 [2]``.

    A number that rests on too few clips of its list has ``◔`` and a footnote besides.
    """
    text = _text(slot, notes)
    return f"{text} {PARTIAL} {notes.mark(slot.caveat(column.metric))}" if slot.partial else text


def _text(slot: Slot, notes: Footnotes) -> str:
    if slot.value is None:
        word = STATE_WORDS[slot.state]
        return f"{word} {notes.mark(slot.reason)}" if slot.state != "absent" else ""
    text = with_spread(slot.value, slot.std)
    if slot.state == "incomplete" and slot.cell is not None:
        return f"({text}) {members_done(slot.cell)} {notes.mark(slot.reason)}"
    if slot.standing.differs:
        facts = ", ".join(
            f"{name} {ours} (others: {theirs})"
            for name, (ours, theirs) in slot.standing.differs.items()
        )
        return f"{text} {notes.mark(f'not ranked: other protocol: {facts}')}"
    if best(slot):
        return f"**{text}**"
    return f"{text} ≈" if slot.standing.tied_with_best else text


def _escape(text: str) -> str:
    """Keep a title or reason from being read as Markdown or HTML."""
    for character in "\\`*_[]|":
        text = text.replace(character, "\\" + character)
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


REPORT = ReportFormat("md", "the tables as Markdown", write)
