"""``index.html``: the leaderboard as one file that needs nothing else, not even a network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.ground.files import write_whole
from bench.ground.words import plural
from reports.curves import Chart, chart
from reports.details import details, summary
from reports.formats.base import ReportFormat
from reports.formatting import (
    PARTIAL,
    STATE_WORDS,
    SYNTHETIC_WARNING,
    best,
    labels_note,
    members_done,
    number,
    spread_note,
)
from reports.series import few_shot_panels
from reports.tables import Column, Slot, Table, build_tables
from results.numbers.aggregate import Board, State
from results.published import CITATION
from results.run import parity_badge
from results.run.parity_badge import load_badge

NAME = "index.html"
_ORDER: tuple[State, ...] = ("complete", "incomplete", "failed", "pending", "skipped")


@dataclass(frozen=True)
class View:
    """A slot as the template prints it.

    Attributes:
        id: Key of its details; '' where there are none.
        kind: Style: ``complete``, ``best``, ``tie``, ``other`` (not ranked), or a state.
        text: The number, or the word that stands for it.
        std: The ±, or ''.
        mark: A sign after the number, and what it says.
        mark_text: The sign in words.
        sort: Sort value, or ''.
        tip: One line for a tooltip.
        low, mid, high: Where the 95 % interval lies in its column, percent of the width; or None.
    """

    id: str
    kind: str
    text: str
    std: str = ""
    mark: str = ""
    mark_text: str = ""
    sort: str = ""
    tip: str = ""
    low: float | None = None
    mid: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Section:
    """A table with what stands around it."""

    table: Table
    anchor: str
    groups: tuple[tuple[str, str, int], ...]
    """(dataset, title, number of columns) of the upper header line."""
    views: dict[tuple[int, str], View]
    charts: tuple[Chart, ...]
    note: str
    published: bool
    spread: bool
    """Whether any number has a ±."""


def write(board: Board, out: Path) -> list[Path]:
    """Write ``index.html`` into a folder."""
    return [write_whole(out / NAME, render(board), flag="--out DIR")]


def render(board: Board, now: datetime | None = None) -> str:
    """The whole page.

    Args:
        board: What is shown.
        now: The time printed as that of the report; None: now.
    """
    sections, content = [], {}
    for table in build_tables(board):
        section, opened = _section(board, table)
        sections.append(section)
        content.update(opened)
    counts = Counter(cell.state for cell in board.cells.values())
    environment = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plural"] = plural
    return environment.get_template("page.html.j2").render(
        board=board,
        sections=sections,
        details=content,
        counts=[(state, counts[state]) for state in _ORDER if counts[state]],
        words={**STATE_WORDS, "complete": "complete"},
        absent=_absent(sections),
        warning=SYNTHETIC_WARNING if board.synthetic else "",
        mixed=len({dataset.synthetic for dataset in board.datasets.values()}) > 1,
        citation=CITATION,
        parity=_parity(board),
        generated=f"{now or datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
    )


def _parity(board: Board) -> dict[str, str]:
    """Adapter -> what ``bench parity`` last said of it, from the file beside the run folders."""
    found: dict[str, str] = {}
    for run in board.runs:
        badge = load_badge(run.folder.absolute().parent / parity_badge.NAME)
        if badge is not None:
            found.update({adapter: str(own) for adapter, own in badge.methods.items()})
    return found


def _section(board: Board, table: Table) -> tuple[Section, dict[str, Any]]:
    anchor = table.setting
    content: dict[str, Any] = {}
    views: dict[tuple[int, str], View] = {}
    for column in table.columns:
        scale = _scale(table, column)
        for index, row in enumerate(table.rows):
            slot = row.slots[column.id]
            key = f"{anchor}/{index}/{column.id}" if slot.state != "absent" else ""
            if key:
                content[key] = details(table, row, column, slot)
            views[index, column.id] = _view(key, column, slot, scale)
    groups: dict[str, tuple[str, str, int]] = {}
    for column in table.columns:
        count = groups.get(column.dataset, ("", "", 0))[2] + 1
        groups[column.dataset] = (column.dataset, column.group, count)
    untrained = frozenset(name for name, row in board.rows.items() if not row.facts.trains)
    charts: tuple[Chart, ...] = ()
    if len({column.shots for column in table.columns}) > 1:
        charts = tuple(chart(panel) for panel in few_shot_panels(table, untrained))
    published = any(row.kind == "published" for row in table.rows)
    return Section(
        table,
        anchor,
        tuple(groups.values()),
        views,
        charts,
        " ".join(filter(None, [spread_note(table), labels_note(table)])),
        published,
        any(view.std for view in views.values()),
    ), content


def _scale(table: Table, column: Column) -> tuple[float, float]:
    """What the interval bars of a column span: all its intervals."""
    ends: list[float] = []
    for row in table.rows:
        slot = row.slots[column.id]
        if slot.value is not None and row.kind == "run":
            ends.append(slot.value)
        estimate = slot.cell.estimates.get(column.metric) if slot.cell is not None else None
        if estimate is not None and estimate.low is not None and estimate.high is not None:
            ends += [estimate.low, estimate.high]
    return (min(ends), max(ends)) if ends and max(ends) > min(ends) else (0.0, 100.0)


def _view(key: str, column: Column, slot: Slot, scale: tuple[float, float]) -> View:
    if slot.value is None:
        word = STATE_WORDS[slot.state]
        return View(key, slot.state, word, tip=slot.reason)

    def across(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - scale[0]) / (scale[1] - scale[0]), 1)

    kind, mark, text = _kind(slot)
    estimate = slot.cell.estimates.get(column.metric) if slot.cell is not None else None
    return View(
        id=key,
        kind=kind,
        text=number(slot.value),
        std="" if slot.std is None else number(slot.std),
        mark=" ".join(filter(None, [mark, PARTIAL if slot.partial else ""])),
        mark_text=", ".join(filter(None, [text, "partial data" if slot.partial else ""])),
        sort=f"{slot.value:.6f}" if slot.state != "incomplete" else "",
        tip=summary(column, slot),
        low=None if estimate is None else across(estimate.low),
        mid=across(slot.value),
        high=None if estimate is None else across(estimate.high),
    )


def _kind(slot: Slot) -> tuple[str, str, str]:
    """Style, sign and its words."""
    if slot.state == "incomplete" and slot.cell is not None:
        done = members_done(slot.cell)
        return "incomplete", done, f"incomplete, {done} done"
    if slot.standing.differs:
        return "other", "‡", "not ranked: other protocol"
    if best(slot):
        return "best", "", "best"
    if slot.standing.tied_with_best:
        return "tie", "≈", "tied with the best"
    return slot.state, "", ""


def _absent(sections: list[Section]) -> list[dict[str, str]]:
    """Every number that is not whole, once, with its reason."""
    lines: dict[tuple[str, str, str, str], list[str]] = {}
    for section in sections:
        for row in section.table.rows:
            for column in section.table.columns:
                slot = row.slots[column.id]
                if slot.state in ("incomplete", "failed", "pending", "skipped"):
                    place = (slot.state, section.table.title, row.title, slot.reason)
                    lines.setdefault(place, []).append(column.title)
    order = ("failed", "incomplete", "pending", "skipped")
    return [
        {"state": state, "where": f"{setting}: {_joined(columns)}", "row": row, "reason": reason}
        for (state, setting, row, reason), columns in sorted(
            lines.items(), key=lambda item: order.index(item[0][0])
        )
    ]


def _joined(columns: list[str]) -> str:
    return ", ".join(dict.fromkeys(columns))


REPORT = ReportFormat("html", "one page: every table, every number with what it is based on", write)
