"""What Vita-CLIP says of itself."""

from __future__ import annotations

from methods.facts import CLIP, Facts, Origin, Preprocessing

VITA_CLIP = Facts(
    name="vita-clip",
    title="Vita-CLIP",
    summary="a frozen CLIP reads learned prompts of video, frame and summary, and of the text",
    origin=Origin(
        citation=(
            "Wasim, Naseer, Khan, Khan, Shah: Vita-CLIP: Video and Text Adaptive CLIP via "
            "Multimodal Prompting, CVPR 2023"
        ),
        code="https://github.com/TalalWasim/Vita-CLIP",
        commit="c858299",
        hyper_parameters={
            "zero-shot": "inferred: trained as published for Kinetics-400; classes are scored "
            "with CLIP's text features of their bare names",
            "base-to-novel": "inferred: the authors have none",
            "few-shot": "inferred: the authors have none",
            "fully-supervised": "authors' repository",
        },
    ),
    preprocessing=Preprocessing("vitaclip", *CLIP),
    options={
        "num_global_prompts": 8,
        "local_prompts": True,
        "summary_token": True,
        "train_cls_proj": False,
        "n_ctx_text": 8,
        "class_specific_ctx": True,
        "ctx_position": "end",
        "ctx_init": "",
        "new_classes": "bare",
        "zero_shot_template": "{}",
    },
    choices={
        "ctx_position": ("end", "middle", "front"),
        "new_classes": ("bare", "context"),
    },
    parity={"vita": "default", "vita_variant": "default"},
)

ORDER = 6
ADAPTERS = {
    "methods.vita_clip.adapter:VitaClip": VITA_CLIP,
}
"""Module and class of each adapter -> its facts."""
