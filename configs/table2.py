"""The paper's Table 2, base-to-novel."""

_base_ = ["paper.py"]

name = "table2"
summary = "Table 2, base-to-novel"
only = ["base-to-novel"]
