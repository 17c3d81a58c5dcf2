"""The rooms of the project, from the real imports; ``python -m tests.architecture`` draws them.

Rooms form layers. A module may import from its own room and from rooms further down; there are no
exceptions. ``docs/architecture.md`` explains the rooms, ``docs/architecture.svg`` shows them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import networkx

from tests.places import ROOT

FOLDERS = ("configs", "settings", "methods", "bench", "results", "reports")

LAYERS = (
    "bench.ground",
    "results.run",
    "bench.data.video",
    "bench.data.datasets",
    "bench.data.official",
    "bench.data.mini_world",
    "bench.data.lists",
    "bench.clip",
    "bench.data.transforms",
    "bench.data.pipelines",
    "bench.data.kept",
    "bench.data.loading",
    "methods",
    "settings",
    "configs",
    "bench.metrics",
    "bench.planning",
    "bench.engine",
    "bench.conformance",
    "bench.running",
    "bench.upkeep",
    "results.numbers",
    "results.published",
    "bench.speed",
    "bench.doctor",
    "reports",
    "bench.commands",
    "bench.cli",
    "bench.testing",
)
"""Every room, the lowest first."""

SEES: Mapping[str, tuple[str, ...]] = {
    "methods": ("bench.clip", "bench.ground"),
    "settings": ("bench.data.datasets", "bench.ground"),
    "results.run": ("bench.ground",),
    "results.numbers": ("results.run", "bench.ground"),
    "reports": ("results", "settings", "bench.ground"),
    "configs": ("bench.clip", "bench.data", "methods"),
}
"""Rooms that see less than everything below them: what other people write lies in them."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imported(module: str) -> frozenset[str]:
    """Modules of the project that a module imports, wherever in it."""
    return _imported(module, ast.parse(modules()[module].read_text(encoding="utf-8")))


@cache
def needed(module: str) -> frozenset[str]:
    """What ``imported`` gives, without imports that only the type checker sees."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return _imported(module, tree)


def _imported(module: str, tree: ast.Module) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = members & modules().keys()
            names |= inner if len(inner) == len(members) else {node.module, *inner}
    return frozenset(name for name in names if name in modules() and name != module)


def below(name: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of the packages or lies in one."""
    return any(name == one or name.startswith(f"{one}.") for one in packages)


def layer_of(module: str) -> str | None:
    """The room of ``LAYERS`` that a module lies in; None: in none (an empty package file)."""
    return next((room for room in LAYERS if below(module, (room,))), None)


def room_of(module: str) -> str:
    """The room as a newcomer sees it: a folder of ``bench/``, or one of the other five."""
    if module == "bench.cli":
        return "bench.commands"
    return ".".join(module.split(".")[: 2 if module.startswith("bench.") else 1])


def circles(graph: networkx.DiGraph) -> list[list[str]]:
    """Groups of nodes that reach each other."""
    groups = networkx.strongly_connected_components(graph)
    return sorted(sorted(group) for group in groups if len(group) > 1)


STEPS = (
    ("bench.commands.run_job", "reads the command line of one job"),
    ("bench.engine.job.run_job", "takes the job's lock, trains or scores, writes the record"),
    ("bench.engine.scoring.evaluate", "feeds clips to the method, keeps the scores"),
    ("bench.engine.build", "loads CLIP, makes the method and the pipeline"),
    ("bench.data.loading.clip_loader", "decodes the clips of the list, in worker processes"),
    ("bench.data.pipelines.base", "makes a video file into the frames a model sees"),
    ("bench.data.video.decode", "decodes the frames that the pipeline asks for"),
    ("methods", "finds the adapter: frames and class texts to scores"),
    ("bench.clip", "the towers that the adapter builds on"),
)
"""The way of a job from its command to a score."""


# --- the picture -------------------------------------------------------------------------------

_GAP, _BOX, _HEIGHT, _ROW = 16, 150, 44, 84


def room_graph() -> networkx.DiGraph:
    """Room -> rooms that it imports."""
    graph = networkx.DiGraph()
    for module in modules():
        graph.add_node(room_of(module))
        for name in imported(module):
            graph.add_edge(room_of(module), room_of(name))
    graph.remove_edges_from(list(networkx.selfloop_edges(graph)))
    graph.remove_node("bench")
    return graph


def picture() -> str:
    """The rooms as SVG: an arrow points from a room to one that it imports."""
    whole = room_graph()
    # A room that is reached through another one needs no arrow of its own.
    direct = networkx.transitive_reduction(whole)
    rows = [sorted(row) for row in networkx.topological_generations(whole)]
    places = _places(direct, rows)
    arrows = [_arrow(places[start], places[end]) for start, end in sorted(direct.edges)]
    boxes = [_box(room, *places[room]) for room in sorted(places)]
    return _SVG.format(
        width=max(x for x, _ in places.values()) + _BOX / 2 + _GAP,
        height=_GAP + len(rows) * _ROW,
        arrows="\n".join(arrows),
        boxes="\n".join(boxes),
    )


def _places(direct: networkx.DiGraph, rows: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Where the middle of each box's upper edge lies, in pixels.

    A room whose arrow skips rows stands to the right of the boxes in those rows.
    """
    row_of = {room: number for number, row in enumerate(rows) for room in row}
    middle = max(map(len, rows)) * (_BOX + _GAP) / 2
    places = {}
    for number, row in enumerate(rows):
        skips = {room: max([number + 1, *map(row_of.get, direct.adj[room])]) for room in row}
        row.sort(key=skips.__getitem__)
        for column, room in enumerate(row):
            between = max(map(len, rows[number + 1 : skips[room]]), default=0)
            column_x = max(
                column - (len(row) - 1) / 2, (between + 1) / 2 if between else 0.0 - len(row)
            )
            places[room] = (middle + column_x * (_BOX + _GAP), _GAP + number * _ROW)
    return places


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, top), (x2, y2) = start, end
    y1, turn = top + _HEIGHT, y2 - (_ROW - _HEIGHT)
    curve = f"M{x1:.0f},{y1} L{x1:.0f},{turn} C{x1:.0f},{y2} {x2:.0f},{turn} {x2:.0f},{y2}"
    return f'<path d="{curve}" marker-end="url(#tip)"/>'


def _box(room: str, x: float, y: float) -> str:
    left = x - _BOX / 2
    kind = "ours" if room.startswith("bench.") else "users"
    return (
        f'<rect class="{kind}" x="{left:.0f}" y="{y}" width="{_BOX}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x:.0f}" y="{y + _HEIGHT / 2 + 5:.0f}">{room}</text>'
    )


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="Rooms of the project and what they import">
<style>
svg {{ background: #fff; font: 14px system-ui, sans-serif; }}
path {{ fill: none; stroke: #8a94a6; stroke-width: 1.3; }}
marker path {{ fill: #8a94a6; stroke: none; }}
rect {{ stroke: #4a5568; stroke-width: 1; }}
.ours {{ fill: #eef2f7; }}
.users {{ fill: #dcebdd; }}
text {{ fill: #1a202c; text-anchor: middle; }}
@media (prefers-color-scheme: dark) {{
  svg {{ background: #14181f; }}
  .ours {{ fill: #232b38; }} .users {{ fill: #1f3a2a; }}
  text {{ fill: #e8edf4; }} rect {{ stroke: #6b778c; }}
}}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>
{arrows}
{boxes}
</svg>
"""

PICTURE = ROOT / "docs" / "architecture.svg"

if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
