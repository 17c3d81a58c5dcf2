"""The paper's Table 1, zero-shot."""

_base_ = ["paper.py"]

name = "table1"
summary = "Table 1, zero-shot"
settings = {"_delete_": True, "zero-shot": dict(datasets=["hmdb51", "ucf101", "kinetics600"])}
