"""The mini world's counterpart of ucf101."""

from __future__ import annotations

from bench.data.datasets import ucf101
from bench.data.datasets.base import mini_counterpart

DATASET = mini_counterpart(ucf101.DATASET)
