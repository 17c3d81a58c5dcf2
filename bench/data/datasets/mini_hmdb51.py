"""The mini world's counterpart of hmdb51."""

from __future__ import annotations

from bench.data.datasets import hmdb51
from bench.data.datasets.base import mini_counterpart

DATASET = mini_counterpart(hmdb51.DATASET)
