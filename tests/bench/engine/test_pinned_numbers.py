"""The engine computes what it computed when ``FORMAT`` was last raised; see ``pinned_numbers``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import methods
import settings
from bench.ground.extensions import BUILT_IN
from bench.planning.jobs import FORMAT
from tests.bench.engine import pinned_numbers
from tests.bench.engine.pinned_numbers import COMMAND, Numbers, complaint

PINNED: dict[str, Any] = json.loads(pinned_numbers.FILE.read_text())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("numbers")
    pinned_numbers.make_clips(made)
    return made


@pytest.mark.parametrize(("setting", "row"), pinned_numbers.cells())
def test_losses_and_scores_are_those_that_were_pinned(setting: str, row: str, root: Path) -> None:
    found = pinned_numbers.numbers(setting, row, root)
    said = complaint(f"{setting} / {row}", found, PINNED, pinned_numbers.code_of(row))
    assert said is None, said


def test_the_numbers_are_those_of_this_format() -> None:
    assert PINNED["format"] == FORMAT, f"FORMAT was raised: run {COMMAND}"


def test_every_method_and_every_setting_is_pinned() -> None:
    cells = pinned_numbers.cells()
    rows = {row for _, row in cells}
    assert {setting for setting, _ in cells} == set(settings.names())
    adapters = {pinned_numbers.paper().methods[row].adapter for row in rows}
    known = methods.EXTENSIONS.entries().values()
    assert adapters == {entry.name for entry in known if entry.origin == BUILT_IN}
    assert set(PINNED["numbers"]) == {f"{setting} / {row}" for setting, row in cells}


def test_a_change_of_the_engine_must_raise_the_format() -> None:
    cell = "few-shot / xclip"
    pinned = Numbers(**PINNED["numbers"][cell])
    assert pinned.loss is not None
    found = replace(pinned, loss=pinned.loss * 1.001)
    code = PINNED["code"]["xclip"]
    assert complaint(cell, pinned, PINNED, code) is None
    assert complaint(cell, found, PINNED, code) == (
        "few-shot / xclip gives other numbers, and its own code is as it was: raise FORMAT in "
        "bench/planning/jobs.py, then run python -m tests.bench.engine.pinned_numbers"
    )
    assert complaint(cell, found, PINNED, "other") == (
        "few-shot / xclip gives other numbers, and its own code is new: run "
        "python -m tests.bench.engine.pinned_numbers"
    )
    moved = replace(pinned, scores=tuple(tuple(x + 0.1 for x in clip) for clip in pinned.scores))
    assert complaint(cell, moved, {**PINNED, "format": FORMAT - 1}, code) == (
        "few-shot / xclip gives other numbers, and FORMAT was raised: run "
        "python -m tests.bench.engine.pinned_numbers"
    )
