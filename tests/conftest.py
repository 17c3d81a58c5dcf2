"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tests.released  # noqa: F401  (takes BENCH_RELEASED out of the environment)
from bench.ground.extensions import plugins_forgotten


@pytest.fixture(autouse=True)
def plugins_end_with_their_test() -> Iterator[None]:
    with plugins_forgotten():
        yield
