"""The paper's Table 1, zero-shot."""

_base_ = ["paper.py"]

name = "table1"
summary = "Table 1, zero-shot"
only = ["zero-shot"]
