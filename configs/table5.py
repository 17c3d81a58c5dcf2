"""The paper's Table 5: levels of fusion, 16 clips a class.

The column K400-tiny is left out: neither its frames nor its recipe are published.
"""

import configs._base_.fusion as _fusion

_base_ = ["paper.py"]

name = "table5"
summary = "Table 5, levels of fusion"
only = ["few-shot"]
methods = _fusion.methods
settings = {"few-shot": _fusion.settings["few-shot"]}
