"""What VL prompting says of itself."""

from __future__ import annotations

from methods.facts import Facts
from methods.vifi.facts import origin

VL_PROMPTING = Facts(
    name="vl-prompting",
    title="ViFi-CLIP + VL prompting",
    summary="a ViFi-CLIP of the source set stays frozen; prompts in both encoders are learned",
    origin=origin("authors' repository"),
    options={
        "n_ctx_vision": 10,
        "n_ctx_text": 10,
        "prompt_depth_vision": None,
        "prompt_depth_text": None,
        "ctx_init": "a photo of a",
    },
    starts_from="vifi-clip",
    refusals={
        **dict.fromkeys(
            (("zero-shot", "*"), ("fully-supervised", "*")),
            "it adapts a source-set ViFi-CLIP to a target set; the authors have no such row",
        ),
        **dict.fromkeys(
            (("base-to-novel", "kinetics400"), ("base-to-novel", "mini-kinetics400")),
            "it starts from a ViFi-CLIP that saw all classes of this data set",
        ),
    },
    parity={"vl_prompting": "prompt", "vl_prompting_deep": "prompt"},
)

ORDER = 2
ADAPTERS = {
    "methods.vl_prompting.adapter:VlPrompting": VL_PROMPTING,
}
"""Module and class of each adapter -> its facts."""
