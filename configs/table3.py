"""The paper's Table 3, few-shot."""

_base_ = ["paper.py"]

name = "table3"
summary = "Table 3, few-shot"
settings = {"_delete_": True, "few-shot": dict(datasets=["hmdb51", "ucf101", "ssv2"])}
