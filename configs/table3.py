"""The paper's Table 3, few-shot."""

_base_ = ["paper.py"]

name = "table3"
summary = "Table 3, few-shot"
only = ["few-shot"]
