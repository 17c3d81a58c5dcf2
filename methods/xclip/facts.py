"""What X-CLIP says of itself."""

from __future__ import annotations

from methods.facts import Facts, Origin

XCLIP = Facts(
    name="xclip",
    title="X-CLIP",
    summary="frames exchange message tokens; each video rewrites the class texts for itself",
    origin=Origin(
        citation=(
            "Ni, Peng, Chen, Zhang, Meng, Fu, Xiang, Ling: Expanding Language-Image Pretrained "
            "Models for General Video Recognition, ECCV 2022"
        ),
        code="https://github.com/microsoft/VideoX (folder X-CLIP)",
        hyper_parameters={
            "zero-shot": "authors' repository; 10 epochs: author's reply",
            "base-to-novel": "inferred: the few-shot recipe with 11 epochs",
            "few-shot": "authors' repository (HMDB-51, UCF-101); inferred for others",
            "fully-supervised": "authors' repository",
        },
    ),
    options={
        "mit_layers": 1,
        "prompts_layers": 2,
        "prompts_alpha": 0.1,
        "drop_path_rate": 0.0,
        "train_text": False,
    },
    parity={"xclip": "fix_text,train_text", "xclip_variant": "fix_text,train_text"},
)

ORDER = 3
ADAPTERS = {
    "methods.xclip.adapter:XClip": XCLIP,
}
"""Module and class of each adapter -> its facts."""
