"""Geometry of the inline SVG curves; the template only prints it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from reports.series import Line, Panel, Point

WIDTH, HEIGHT = 340, 250
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 14, 34
MARKS = 5
COLOURS = 9


@dataclass(frozen=True)
class Dot:
    """A point in pixels; ``low`` and ``high`` are the ends of its interval."""

    x: float
    y: float
    low: float
    high: float
    whole: bool
    label: str


@dataclass(frozen=True)
class Curve:
    """A line in pixels; ``paths`` are its unbroken pieces."""

    row: str
    title: str
    colour: int
    mark: int
    trained: bool
    paths: tuple[str, ...]
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Chart:
    """A panel in pixels: ticks are (position, label)."""

    dataset: str
    title: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    curves: tuple[Curve, ...]


def chart(panel: Panel) -> Chart:
    """Lay a panel out: K on an evenly spaced axis, percent on a rounded one."""
    values = [point.value for line in panel.lines for point in line.points] or [0.0, 100.0]
    low, high, step = axis(min(values), max(values))
    xs = {
        shots: LEFT + 14 + (WIDTH - LEFT - RIGHT - 28) * i / max(1, len(panel.shots) - 1)
        for i, shots in enumerate(panel.shots)
    }

    def y(value: float) -> float:
        clipped = min(max(value, low), high)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (clipped - low) / (high - low), 1)

    ticks = [low + step * i for i in range(round((high - low) / step) + 1)]
    return Chart(
        panel.dataset,
        panel.title,
        tuple((round(x, 1), str(shots)) for shots, x in xs.items()),
        tuple((y(tick), f"{tick:g}") for tick in ticks),
        tuple(_curve(line, panel, xs, y) for line in panel.lines if line.points),
    )


def axis(low: float, high: float) -> tuple[float, float, float]:
    """Ends and step of a percent axis that holds both values with 3 to 7 round ticks."""
    span = max(high - low, 4.0)
    step = next(s for s in (1.0, 2.0, 5.0, 10.0, 20.0) if span / s <= 5 or s == 20.0)
    bottom = max(0.0, step * math.floor((low - 0.02 * span) / step))
    top = min(100.0, step * math.ceil((high + 0.02 * span) / step))
    if top - bottom < 2 * step:
        bottom = max(0.0, top - 2 * step)
        top = max(top, bottom + 2 * step)
    return bottom, top, step


def _curve(line: Line, panel: Panel, xs: dict[int, float], y: Callable[[float], float]) -> Curve:
    by_shots = {point.shots: point for point in line.points}
    pieces: list[list[str]] = [[]]
    for shots in panel.shots:
        point = by_shots.get(shots)
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{xs[shots]:.1f} {y(point.value)}")
    dots = tuple(
        Dot(round(xs[p.shots], 1), y(p.value), y(p.low), y(p.high), p.whole, _label(line, p))
        for p in line.points
    )
    paths = tuple("M" + " L".join(piece) for piece in pieces if len(piece) > 1)
    colour, mark = line.index % COLOURS, line.index % MARKS
    return Curve(line.row, line.title, colour, mark, line.trained, paths, dots)


def _label(line: Line, point: Point) -> str:
    text = f"{line.title}, K={point.shots}: {point.value:.1f}"
    if point.high > point.low:
        text += f" (95 %: {point.low:.1f} to {point.high:.1f})"
    return text if point.whole else f"{text}, incomplete"
