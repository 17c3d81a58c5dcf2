"""Rows of Tables 7 and 8: every method first learns on the source set, as for zero-shot.

``<row>-source`` is that training, the same job as in the zero-shot setting; the row itself goes on
from its checkpoint with the recipe of the low-shot setting (inferred: the paper names no other).
"""

_note = "starts from its own training on the source set; recipe inferred: that of the unbridged row"

methods = {
    **{
        f"{row}-source": dict(adapter=row, recipe_of=row, title=f"{title}, source set")
        for row, title in (("actionclip", "ActionCLIP"), ("xclip", "X-CLIP"), ("a5", "A5"))
    },
    **{
        row: dict(adapter=row, starts_from=f"{row}-source", note=_note)
        for row in ("actionclip", "xclip", "a5")
    },
}
_rows = ["vanilla-clip", "actionclip", "xclip", "a5", "vl-prompting"]
settings = {
    "few-shot": dict(methods=_rows, table="T7", title="Few-shot, bridged on the source set"),
    "base-to-novel": dict(
        methods=_rows, table="T8", title="Base-to-novel, bridged on the source set"
    ),
}
