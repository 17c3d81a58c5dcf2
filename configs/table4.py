"""The paper's Table 4, fully-supervised."""

_base_ = ["paper.py"]

name = "table4"
summary = "Table 4, fully-supervised"
only = ["fully-supervised"]
