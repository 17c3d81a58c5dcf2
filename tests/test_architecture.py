"""The house rules of CONTRIBUTING.md that can be read from the syntax trees: who may import whom,
and how long a file and a function may be."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from methods.catalogue import LOCATIONS

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("configs", "settings", "methods", "bench", "results", "reports")
ADAPTERS = ("bench.clip", "bench.ground")
TOOLS = {
    "methods.actionclip.adapter": ("bench.clip.weights",),
    "methods.checkpoints.released": ("bench.clip.weights",),
    "methods.checkpoints.identify": ("bench.clip.weights", "bench.clip.inert_pickle"),
    "bench.conformance.behaviour": ("bench.engine",),
    "bench.conformance.subject": ("bench.engine", "bench.ground.seeds"),
    "bench.conformance.weights": ("bench.engine",),
}
"""Besides what every adapter may use: readers of weight files, and the conformance suite, which
saves, loads and trains with the engine's own code."""
LINES_A_FILE = 400
LINES_A_FUNCTION = 50
NO_NUMBERS = {
    "methods.catalogue",
    "methods.facts",
    "methods.parity.golden_case",
    "methods.parity.subject",
    "methods.checkpoints.released",
    "methods.checkpoints.layouts",
}
"""Modules that adapters import and that no score of a given set of weights depends on."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imported(module: str) -> frozenset[str]:
    """Modules of the project that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = members & modules().keys()
            names |= inner if len(inner) == len(members) else {node.module, *inner}
    return frozenset(name for name in names if name.partition(".")[0] in ROOMS)


def below(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def allowed_for(module: str) -> tuple[str, ...]:
    room = module.partition(".")[0]
    if room == "methods":
        return ("methods", *ADAPTERS, *TOOLS.get(module, ()))
    return {
        "configs": ("configs", "bench.data.official.prepared", "bench.data.mini_world.clip"),
        "settings": ("settings", "bench.data.datasets.catalogue", "bench.ground"),
        "results": ("results", "bench.ground"),
        "reports": ("reports", "results", "bench.ground"),
        "bench": ("bench", "settings", "methods", "results"),
    }[room]


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way(room: str) -> None:
    wrong = {
        f"{module} -> {name}"
        for module in modules()
        if module.partition(".")[0] == room and not below(module, ("bench.commands",))
        for name in imported(module)
        if not below(name, allowed_for(module))
    }
    assert wrong == set()


def test_only_the_command_line_knows_the_reports_and_the_commands() -> None:
    line = ("bench.cli", "bench.commands")
    wrong = {
        f"{module} -> {name}"
        for module in modules()
        if not below(module, line)
        for name in imported(module)
        if below(name, line) or (module.startswith("bench.") and below(name, ("reports",)))
    }
    assert wrong == set()


def test_data_and_contracts_know_nothing_of_the_machinery_above_them() -> None:
    machinery = (
        "bench.engine",
        "bench.running.launchers",
        "bench.running.scheduler",
        "bench.planning.plan",
    )
    wrong = {
        f"{module} -> {name}"
        for module in modules()
        if below(
            module, ("bench.data", "bench.planning.jobs", "bench.planning.recipe", "bench.clip")
        )
        for name in imported(module)
        if below(name, machinery)
    }
    assert wrong == set()


@pytest.mark.parametrize("adapter", LOCATIONS)
def test_the_code_that_scores_is_in_the_key(adapter: str) -> None:
    """Everything an adapter imports from its room is hashed, see ``methods.code_sha256``."""
    location = LOCATIONS[adapter]
    seen: set[str] = set()
    ahead = [location.module]
    while ahead:
        module = ahead.pop()
        if module not in seen and module not in NO_NUMBERS:
            seen.add(module)
            ahead += [name for name in imported(module) if below(name, ("methods",))]
    assert seen == {location.module, *location.sources, "methods.base"}


def test_files_and_functions_are_short() -> None:
    long = []
    for module, path in modules().items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LINES_A_FILE:
            long.append(module)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                long += [f"{module}.{node.name}: {lines}"] if lines > LINES_A_FUNCTION else []
    assert long == []
