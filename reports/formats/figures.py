"""Figures as files: the few-shot curves as PNG and SVG, drawn with matplotlib."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.ground.files import write_whole
from reports.formats.base import ReportFormat
from reports.formatting import SYNTHETIC_WARNING
from reports.series import Line, Panel, few_shot_panels
from reports.tables import Table, build_tables
from results.numbers.aggregate import Board

COLOURS = (
    "#6b7280",
    "#b45309",
    "#1d6fb8",
    "#7c3aed",
    "#15803d",
    "#be185d",
    "#0f766e",
    "#8a6100",
    "#4338ca",
)
MARKS = "os^Dv"
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e6e6e6",
    "svg.fonttype": "none",
    "svg.hashsalt": "curves",
}


def write(board: Board, out: Path) -> list[Path]:
    """Write ``figures/<setting>.png`` and ``.svg`` for every table with several shot counts."""
    written = []
    untrained = frozenset(name for name, row in board.rows.items() if not row.facts.trains)
    for table in build_tables(board):
        panels = few_shot_panels(table, untrained)
        if not any(len(panel.shots) > 1 for panel in panels):
            continue
        for suffix, data in _drawn(table, panels).items():
            written.append(
                write_whole(out / "figures" / f"{table.setting}.{suffix}", data, flag="--out DIR")
            )
    return written


def _drawn(table: Table, panels: list[Panel]) -> dict[str, bytes]:
    with rc_context(_STYLE):
        figure = few_shot_figure(panels, synthetic=table.synthetic)
        files = {}
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, dpi=200, metadata=metadata)
            files[suffix] = buffer.getvalue()
    return files


def few_shot_figure(panels: list[Panel], *, synthetic: bool) -> Figure:
    """Panels side by side with one legend; whiskers are 95 % intervals.

    Args:
        panels: What is drawn.
        synthetic: Say in the figure that its clips are synthetic.
    """
    figure = Figure(figsize=(3.6 * len(panels), 3.9), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        _draw(axis, panel)
    handles, labels = axes[0].get_legend_handles_labels()
    columns = max(2, min(len(labels), 2 * len(panels)))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
    if synthetic:
        figure.supxlabel(SYNTHETIC_WARNING, fontsize=7, color="#7a4b00")
    return figure


def _draw(axis: Axes, panel: Panel) -> None:
    places = {shots: i for i, shots in enumerate(panel.shots)}
    for line in panel.lines:
        _draw_line(axis, line, places, 0.025 * (line.index - (len(panel.lines) - 1) / 2))
    axis.set_xticks(list(places.values()), [str(shots) for shots in places])
    axis.set_xlabel("clips a class (K)")
    axis.set_ylabel("top-1 (%)")
    axis.set_title(panel.title, fontsize=10)


def _draw_line(axis: Axes, line: Line, places: dict[int, int], shift: float) -> None:
    """Points that are missing break the line; incomplete ones are hollow.

    ``shift`` keeps the whiskers of several methods apart.
    """
    found = {places[point.shots]: point for point in line.points}
    colour = COLOURS[line.index % len(COLOURS)]
    nan = float("nan")
    xs = sorted(places.values())
    axis.errorbar(
        [x + shift for x in xs],
        [found[x].value if x in found else nan for x in xs],
        yerr=[
            [found[x].value - found[x].low if x in found else nan for x in xs],
            [found[x].high - found[x].value if x in found else nan for x in xs],
        ],
        color=colour,
        linestyle="-" if line.trained else "--",
        marker=MARKS[line.index % len(MARKS)],
        markersize=4,
        linewidth=1.4,
        elinewidth=0.5,
        alpha=0.9,
        label=line.title,
    )
    hollow = [x for x, point in found.items() if not point.whole]
    axis.plot(
        [x + shift for x in hollow],
        [found[x].value for x in hollow],
        "o",
        mfc="white",
        mec=colour,
        zorder=5,
    )


REPORT = ReportFormat("figures", "curves over the number of shots, as PNG and SVG", write)
