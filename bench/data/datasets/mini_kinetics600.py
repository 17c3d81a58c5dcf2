"""The mini world's counterpart of kinetics600."""

from __future__ import annotations

from bench.data.datasets import kinetics600
from bench.data.datasets.base import mini_counterpart

DATASET = mini_counterpart(kinetics600.DATASET)
