"""The examples in docstrings of public names compute what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["methods", "bench.clip.towers"])
def test_examples_compute_what_they_say(module: str) -> None:
    found = doctest.testmod(
        importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert (found.attempted > 0, found.failed) == (True, 0)
