"""The paper's Table 7: few-shot, every method bridged on the source set."""

import configs._base_.bridged as _bridged

_base_ = ["paper.py"]

name = "table7"
summary = "Table 7, few-shot, bridged on the source set"
only = ["few-shot"]
methods = _bridged.methods
settings = {"few-shot": _bridged.settings["few-shot"]}
