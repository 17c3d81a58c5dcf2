"""What ActionCLIP says of itself."""

from __future__ import annotations

from methods.facts import CLIP, Facts, Origin, Preprocessing

ACTIONCLIP = Facts(
    name="actionclip",
    title="ActionCLIP",
    summary="clips are matched with 16 kinds of prompt; a transformer over frames fuses them",
    origin=Origin(
        citation=(
            "Wang, Xing, Liu: ActionCLIP: A New Paradigm for Video Action Recognition, "
            "arXiv 2109.08472, 2021"
        ),
        code="https://github.com/sallymmx/ActionCLIP",
        commit="31c34df",
        hyper_parameters={
            "zero-shot": "inferred: the authors' Kinetics configuration at 32 frames",
            "base-to-novel": "inferred: the authors' HMDB-51 configuration at 32 frames",
            "few-shot": "inferred: the authors' HMDB-51 configuration at 32 frames",
            "fully-supervised": "authors' repository, at 32 frames as in the paper",
        },
    ),
    preprocessing=Preprocessing("actionclip", *CLIP),
    options={
        "fusion": "Transf",
        "temporal_shift": False,
        "train_text": True,
        "image_lr_ratio": 1.0,
        "fusion_lr_ratio": 10.0,
    },
    choices={"fusion": ("Transf", "meanP", "Transf_cls", "LSTM", "Conv_1D")},
    loss_couples_clips=True,
    parity={"actionclip_transf": "all", "actionclip_meanp": "all"},
)

ORDER = 4
ADAPTERS = {
    "methods.actionclip.adapter:ActionClip": ACTIONCLIP,
}
"""Module and class of each adapter -> its facts."""
