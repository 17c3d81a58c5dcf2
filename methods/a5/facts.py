"""What A5 and A6 say of themselves."""

from __future__ import annotations

from methods.facts import CLIP, Facts, Origin, Preprocessing

A5_FACTS = Facts(
    name="a5",
    title="A5",
    summary="learned words around class names and a transformer over time, on a frozen CLIP",
    origin=Origin(
        citation=(
            "Ju, Han, Zheng, Zhang, Xie: Prompting Visual-Language Models for Efficient Video "
            "Understanding, ECCV 2022"
        ),
        code="https://github.com/ju-chen/Efficient-Prompt",
        commit="1f69a18",
        hyper_parameters={
            "zero-shot": "inferred: the code's defaults with the learning rate of its HMDB-51 "
            "command",
            "base-to-novel": "inferred: the authors' HMDB-51 command",
            "few-shot": "inferred: the authors' HMDB-51 command",
            "fully-supervised": "inferred: the code's defaults with the learning rate of its "
            "HMDB-51 command",
        },
    ),
    preprocessing=Preprocessing("a5", *CLIP),
    options={
        "prefix": 16,
        "postfix": 16,
        "temporal_layers": 2,
        "temporal_heads": 8,
        "num_contrast": 400,
    },
    frozen_image_tower=True,
    parity={"a5": "new", "a5_mixed": "new", "a6": "new"},
)

ORDER = 5
ADAPTERS = {
    "methods.a5.adapter:A5": A5_FACTS,
}
"""Module and class of each adapter -> its facts."""
