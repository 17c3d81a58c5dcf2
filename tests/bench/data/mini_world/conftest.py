from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.mini_world.generate import ensure


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def world(cache: Path) -> Path:
    return ensure(cache)
