"""The paper's Table 5 on the mini world: levels of fusion, 16 clips a class."""

import configs._base_.fusion as _fusion

_base_ = ["mini.py"]

name = "mini_table5"
summary = "Table 5, levels of fusion on the mini world"
only = ["few-shot"]
methods = _fusion.methods
settings = {"few-shot": _fusion.settings["few-shot"]}
