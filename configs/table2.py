"""The paper's Table 2, base-to-novel."""

_base_ = ["paper.py"]

name = "table2"
summary = "Table 2, base-to-novel"
settings = {
    "_delete_": True,
    "base-to-novel": dict(datasets=["kinetics400", "hmdb51", "ucf101", "ssv2"]),
}
