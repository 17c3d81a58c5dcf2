"""The paper's Table 7 on the mini world: few-shot, every method bridged on the source set."""

import configs._base_.bridged as _bridged

_base_ = ["mini.py"]

name = "mini_table7"
summary = "Table 7, few-shot, bridged on the source set on the mini world"
only = ["few-shot"]
methods = _bridged.methods
settings = {"few-shot": _bridged.settings["few-shot"]}
