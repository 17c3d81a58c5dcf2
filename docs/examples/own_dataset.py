"""A dataset of your own: a folder a class, a few methods, two settings.

``bench run --all --config docs/examples/own_dataset.py`` with ``GESTURES`` set to the folder.
"""

import os

_base_ = ["../../configs/mini.py"]  # CLIP, recipes and rows; for real videos: paper.py

name = "gestures"
datasets = {
    "_delete_": True,
    "gestures": dict(
        title="Gestures",  # makes the name known
        root=os.environ.get("GESTURES", "gestures"),
        format="folders",  # <class>/<clip>; a table: format="csv", annotations="clips.csv"
    ),
}
_rows = dict(datasets=["gestures"], methods=["vanilla-clip", "vifi-clip"])
settings = {
    "_delete_": True,
    "few-shot": dict(**_rows, options=dict(source="gestures", shots=[2])),
    "fully-supervised": dict(**_rows, options=dict(source="gestures")),
}
recipes = dict(short=dict(values=dict(epochs=2, micro_batch=4), source="an example"))
