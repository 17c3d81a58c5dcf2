"""The paper's Table 8: base-to-novel, every method bridged on the source set."""

import configs._base_.bridged as _bridged

_base_ = ["paper.py"]

name = "table8"
summary = "Table 8, base-to-novel, bridged on the source set"
only = ["base-to-novel"]
settings = {
    "base-to-novel": dict(_bridged.settings["base-to-novel"], datasets=["hmdb51", "ucf101", "ssv2"])
}
methods = _bridged.methods
