"""The mini world's counterpart of kinetics400."""

from __future__ import annotations

from bench.data.datasets import kinetics400
from bench.data.datasets.base import mini_counterpart

DATASET = mini_counterpart(kinetics400.DATASET)
