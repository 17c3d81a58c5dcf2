"""For tests of extensions: a tiny benchmark in a temporary folder, and the conformance suite.

    from bench.testing import tiny_benchmark

    with tiny_benchmark(plugins={"mine.py": SOURCE}) as bench:
        assert bench.run("--method", "mine").exit_code == 0
        assert bench.numbers()[0]["method"] == "mine"

The tests of this project use it too (``tests/test_extensions.py`` has an example of every kind).
"""

from __future__ import annotations

from bench.conformance import suite as conformance
from bench.ground.extensions import load_plugins
from bench.testing.tiny_benchmark import CLASSES, CommandResult, TinyBenchmark, tiny_benchmark

__all__ = [
    "CLASSES",
    "CommandResult",
    "TinyBenchmark",
    "conformance",
    "load_plugins",
    "tiny_benchmark",
]
