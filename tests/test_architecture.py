"""The rules of ``docs/architecture.md`` that the code itself shows; none has exceptions."""

from __future__ import annotations

import ast
import re

import networkx
import pytest

from tests.architecture import (
    LAYERS,
    PICTURE,
    SEES,
    STEPS,
    below,
    circles,
    imported,
    layer_of,
    modules,
    needed,
    picture,
    room_graph,
    room_of,
)
from tests.places import ROOT

LINES_PER_FILE = 400
LINES_PER_FUNCTION = 50
LARGEST_ROOM = 0.22
ROOMS_FROM_JOB_TO_SCORE = 5


def imports() -> list[tuple[str, str]]:
    return [(module, name) for module in modules() for name in imported(module)]


def test_every_module_lies_in_a_room() -> None:
    outside = [
        module for module, path in modules().items() if not layer_of(module) and imported(module)
    ]
    assert outside == []


def test_imports_point_down() -> None:
    upwards = [
        f"{module} -> {name}"
        for module, name in imports()
        if (room := layer_of(module)) and (other := layer_of(name))
        if LAYERS.index(other) > LAYERS.index(room)
    ]
    assert upwards == []


@pytest.mark.parametrize("room", SEES)
def test_what_others_write_sees_only_the_contracts(room: str) -> None:
    beyond = [
        f"{module} -> {name}"
        for module, name in imports()
        if layer_of(module) == room and layer_of(name) not in (room, None)
        if not below(name, SEES[room])
    ]
    assert beyond == []


def test_there_is_no_circle_of_modules_nor_of_rooms() -> None:
    graph = networkx.DiGraph((module, name) for module in modules() for name in needed(module))
    assert circles(graph) == []
    assert circles(room_graph()) == []


def test_no_room_is_more_than_a_fifth_of_the_house() -> None:
    lines: dict[str, int] = {}
    for module, path in modules().items():
        count = path.read_text(encoding="utf-8").count("\n")
        lines[room_of(module)] = lines.get(room_of(module), 0) + count
    total = sum(lines.values())
    large = {room: count / total for room, count in lines.items() if count / total > LARGEST_ROOM}
    assert large == {}


def test_the_way_from_a_job_to_a_score_is_short() -> None:
    names = [name for name, _ in STEPS]
    assert set(names) <= modules().keys()
    assert len({room_of(name) for name in names}) <= ROOMS_FROM_JOB_TO_SCORE
    for step, name in enumerate(names[1:], start=1):
        assert any(name in imported(earlier) for earlier in names[:step]) or any(
            below(found, (name,)) for earlier in names[:step] for found in imported(earlier)
        ), f"no earlier step imports {name}"


def test_the_picture_shows_the_imports_as_they_are() -> None:
    told = "docs/architecture.svg is not up to date: run python -m tests.architecture"
    assert PICTURE.read_text(encoding="utf-8") == picture(), told


def test_the_page_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bench|results)/[a-z_/]+?|[a-z]+)/`", page))
    rooms = {room.replace(".", "/") for room in LAYERS} - {"bench/cli"}
    assert rooms - named == set()


def test_files_and_functions_are_short() -> None:
    long = []
    for module, path in modules().items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LINES_PER_FILE:
            long.append(module)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                long += [f"{module}.{node.name}: {lines}"] if lines > LINES_PER_FUNCTION else []
    assert long == []
