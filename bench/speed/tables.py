"""The findings of ``bench speed`` as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from bench.speed.counts import Cost, NoCost
from bench.speed.loops import Comparison, LoopReport
from bench.speed.paper_counts import PaperRow
from bench.speed.throughput import Throughput


def cost_table(rows: Sequence[Cost | NoCost]) -> str:
    """Parameters and GMACs, like for like."""
    headers = (
        "method",
        "parameters (M)",
        "trainable (M)",
        "a view (GMACs)",
        "a view here",
        "all texts (GMACs)",
        "all texts here",
    )
    return _table(
        headers,
        [
            _reason(row, headers)
            if isinstance(row, NoCost)
            else [
                row.title,
                f"{row.parameters / 1e6:.2f}",
                f"{row.trainable / 1e6:.2f}",
                f"{row.view:.2f}",
                f"{row.view_here:.2f}",
                f"{row.texts:.1f}",
                f"{row.texts_here:.1f}",
            ]
            for row in rows
        ],
    )


def paper_table(rows: Sequence[PaperRow]) -> str:
    """The printed compute columns beside the same parts counted here."""
    headers = (
        "method",
        "what is counted",
        "GMACs",
        'paper "GFLOPs"',
        "parameters (M)",
        "paper (M)",
        "reading and difference",
    )
    return _table(
        headers,
        [
            [
                row.title,
                row.parts,
                f"{row.gmacs:.1f}",
                _number(row.gmacs_printed, "g"),
                _number(row.parameters_m, ".2f"),
                _number(row.parameters_printed, "g"),
                row.why,
            ]
            for row in rows
        ],
    )


def throughput_table(rows: Sequence[Throughput | NoCost]) -> str:
    """Views a second and memory."""
    headers = ("method", "views/s", "median pass (ms)", "slowest (ms)", "passes", "peak (MiB)")
    return _table(
        headers,
        [
            _reason(row, headers)
            if isinstance(row, NoCost)
            else [
                row.title,
                f"{row.views_per_second:.1f}",
                f"{row.milliseconds:.1f}",
                f"{row.slowest:.1f}",
                row.passes,
                _number(row.peak_mib, ".0f"),
            ]
            for row in rows
        ],
    )


def loop_table(rows: Sequence[LoopReport | NoCost]) -> str:
    """Our loops beside the plain ones."""
    headers = (
        "method",
        "loop",
        "plain (s)",
        "ours, empty caches (s)",
        "ours, again (s)",
        "plain / ours",
        "again",
        "largest difference",
        "of results up to",
    )
    lines: list[list[Any]] = []
    for row in rows:
        if isinstance(row, NoCost):
            lines.append(_reason(row, headers))
            continue
        lines.append([row.title, "evaluation", *_compared(row.evaluation)])
        if row.training is not None:
            lines.append([row.title, "training update", *_compared(row.training)])
    return _table(headers, lines)


def _compared(loops: Comparison) -> list[str]:
    return [
        f"{loops.plain:.2f}",
        f"{loops.first:.2f}",
        f"{loops.again:.2f}",
        f"{loops.ratio_first:.1f}",
        f"{loops.ratio:.1f}",
        f"{loops.difference:.1e}",
        f"{loops.largest:.1f}",
    ]


def _reason(row: NoCost, headers: Sequence[str]) -> list[Any]:
    return [row.title, row.reason, *["–"] * (len(headers) - 2)]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    sides = ["left" if header in _WORDS else "right" for header in headers]
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True, colalign=sides)


_WORDS = ("method", "loop", "what is counted", "reading and difference")
"""Headers of columns that hold text."""
