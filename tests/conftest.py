"""What holds for every test."""

from __future__ import annotations

import tests.released  # noqa: F401  (takes BENCH_RELEASED out of the environment)
