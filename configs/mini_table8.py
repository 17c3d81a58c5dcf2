"""The paper's Table 8 on the mini world: base-to-novel, every method bridged on the source set."""

import configs._base_.bridged as _bridged

_base_ = ["mini.py"]

name = "mini_table8"
summary = "Table 8, base-to-novel, bridged on the source set on the mini world"
only = ["base-to-novel"]
settings = {
    "base-to-novel": dict(
        _bridged.settings["base-to-novel"], datasets=["mini-hmdb51", "mini-ucf101", "mini-ssv2"]
    )
}
methods = _bridged.methods
