"""How numbers and missing numbers are written; the same words in every format."""

from __future__ import annotations

from reports.tables import Slot, Table
from results.numbers.aggregate import Cell
from results.numbers.coverage import WHOLE_PERCENT

STATE_WORDS = {
    "failed": "failed",
    "pending": "not run yet",
    "skipped": "n/a",
    "absent": "",
    "incomplete": "incomplete",
}
SYNTHETIC_WARNING = (
    "These numbers are about synthetic clips of the mini world (coloured shapes that move). "
    "Do not compare them with published ones."
)
PARTIAL = "◔"
"""Marks a number that rests on too small a share of its list."""
PARTIAL_NOTE = (
    f"{PARTIAL}: partial data, fewer than {WHOLE_PERCENT:g} % of a listed set of clips gave frames."
)
BEST_NOTE = (
    "Bold: best of the complete cells with the same protocol. ≈: cannot be told from the best "
    "(95 % interval of the paired difference contains 0)."
)


def number(value: float, digits: int = 1) -> str:
    """``51.3``: one decimal, as the paper prints."""
    return f"{value:.{digits}f}"


def with_spread(value: float, std: float | None) -> str:
    """``51.3 ± 0.6``, or without ± where there is none."""
    return number(value) if std is None else f"{number(value)} ± {number(std)}"


def signed(value: float) -> str:
    """``+0.4`` or ``−0.4``."""
    return f"{'−' if round(value, 1) < 0 else '+'}{abs(value):.1f}"


def members_done(cell: Cell) -> str:
    """``2/3``: seeds or splits with a number; of a harmonic mean, those with both halves."""
    names, broken = cell.member_names
    return f"{len(names - broken)}/{len(names)}"


def best(slot: Slot) -> bool:
    """Whether a slot is the best of its column; all that have exactly the best number are."""
    return slot.standing.rank == 1


_LABELS = {
    "paper": "those of the label files as they are",
    "official": "those that the clips have in the official annotations",
}


def labels_note(table: Table) -> str:
    """Whose class names the run's numbers on real clips were scored with; '' without any."""
    found: dict[str, dict[str, None]] = {}
    for row in table.rows:
        for column in table.columns:
            cell = row.slots[column.id].cell
            for record in () if cell is None or column.synthetic else cell.records:
                found.setdefault(record.protocol.labels, {})[column.group] = None
    found.pop("", None)
    if not found:
        return ""
    parts = []
    for labels, groups in sorted(found.items()):
        choice, _, style = labels.partition(", ")
        words = _LABELS.get(choice, choice) + (f" ({style})" if style else "")
        parts.append(words if len(found) == 1 else f"{words} for {', '.join(groups)}")
    return f"Class names are {'; '.join(parts)}."


def spread_note(table: Table) -> str:
    """What the ± of a table is."""
    over = "splits" if table.spread == "splits" else "seeds"
    return (
        f"Mean over {over}; ± is the sample standard deviation (divisor n − 1) over them, "
        "absent where there is one number."
    )
