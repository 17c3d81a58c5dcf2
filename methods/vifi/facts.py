"""What vanilla CLIP, the two one-tower trainings and ViFi-CLIP say of themselves."""

from __future__ import annotations

from methods.facts import Facts, Origin

CODE = "https://github.com/muzairkhattak/ViFi-CLIP"
COMMIT = "e2d1948"
PAPER = (
    "Rasheed, Khattak, Maaz, Khan, Khan: Fine-tuned CLIP Models are Efficient Video Learners, "
    "CVPR 2023"
)


def origin(few_shot: str) -> Origin:
    return Origin(
        citation=PAPER,
        code=CODE,
        commit=COMMIT,
        hyper_parameters={
            "zero-shot": "authors' repository",
            "base-to-novel": few_shot,
            "few-shot": few_shot,
            "fully-supervised": "authors' repository",
        },
    )


_SAME_AS_VIFI = (
    "inferred: the released configuration of ViFi-CLIP with only the trained tower exchanged"
)

VANILLA_CLIP = Facts(
    name="vanilla-clip",
    title="Vanilla CLIP",
    summary="CLIP as it comes: bare class names, mean of the frame features; not trained",
    origin=Origin(
        citation=(
            "Radford et al.: Learning Transferable Visual Models From Natural Language "
            "Supervision, ICML 2021; evaluated on video as in " + PAPER
        ),
        code=CODE,
        commit=COMMIT,
        hyper_parameters={"all": "none: not trained"},
    ),
    trains=False,
    frozen_image_tower=True,
    parity={"vanilla": ""},
)

CLIP_IMAGE_FT = Facts(
    name="clip-image-ft",
    title="CLIP image-FT",
    summary="the image encoder is fine-tuned, the text encoder stays as it came",
    origin=origin(_SAME_AS_VIFI),
    parity={"vificlip": "image"},
)

CLIP_TEXT_FT = Facts(
    name="clip-text-ft",
    title="CLIP text-FT",
    summary="the text encoder is fine-tuned, the image encoder stays as it came",
    origin=origin(_SAME_AS_VIFI),
    frozen_image_tower=True,
    parity={"vificlip": "text"},
)

VIFI_CLIP = Facts(
    name="vifi-clip",
    title="ViFi-CLIP",
    summary="both encoders are fine-tuned; frame features are averaged",
    origin=origin("authors' repository"),
    options={"fusion": "embedding"},
    choices={"fusion": ("embedding", "decision", "image")},
    parity={"vificlip": "both"},
)

ORDER = 1
ADAPTERS = {
    "methods.vifi.vanilla_clip:VanillaClip": VANILLA_CLIP,
    "methods.vifi.clip_image_ft:ClipImageFt": CLIP_IMAGE_FT,
    "methods.vifi.clip_text_ft:ClipTextFt": CLIP_TEXT_FT,
    "methods.vifi.vifi_clip:VifiClip": VIFI_CLIP,
}
"""Module and class of each adapter -> its facts."""
