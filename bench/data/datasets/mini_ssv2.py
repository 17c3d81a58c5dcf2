"""The mini world's counterpart of ssv2."""

from __future__ import annotations

from bench.data.datasets import ssv2
from bench.data.datasets.base import mini_counterpart

DATASET = mini_counterpart(ssv2.DATASET)
