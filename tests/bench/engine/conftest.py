from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.engine.world import World, make_world


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Real videos, lists and weights; read-only for the tests."""
    return make_world(tmp_path_factory.mktemp("engine"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job's folder."""
    made = tmp_path / "job"
    made.mkdir()
    return made
