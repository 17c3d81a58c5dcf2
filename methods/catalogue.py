"""The adapters that come with the project: their facts, and where their code lies.

Read by planning and by ``bench methods`` without importing torch. An adapter's class takes its
facts from here (``class VifiClip(..., facts=FACTS["vifi-clip"])``), so they are stated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from methods.facts import CLIP, Facts, Origin, Preprocessing


@dataclass(frozen=True)
class Location:
    """Where an adapter's class lies.

    Attributes:
        module: Importable module.
        cls: Class in it.
        sources: Further modules whose code the adapter's numbers depend on.
    """

    module: str
    cls: str
    sources: tuple[str, ...] = ()


_VIFI_CODE = "https://github.com/muzairkhattak/ViFi-CLIP"
_VIFI_COMMIT = "e2d1948"
_VIFI_PAPER = (
    "Rasheed, Khattak, Maaz, Khan, Khan: Fine-tuned CLIP Models are Efficient Video Learners, "
    "CVPR 2023"
)


def _vifi_origin(few_shot: str) -> Origin:
    return Origin(
        citation=_VIFI_PAPER,
        code=_VIFI_CODE,
        commit=_VIFI_COMMIT,
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

_ALL = (
    Facts(
        name="vanilla-clip",
        title="Vanilla CLIP",
        summary="CLIP as it comes: bare class names, mean of the frame features; not trained",
        origin=Origin(
            citation=(
                "Radford et al.: Learning Transferable Visual Models From Natural Language "
                "Supervision, ICML 2021; evaluated on video as in " + _VIFI_PAPER
            ),
            code=_VIFI_CODE,
            commit=_VIFI_COMMIT,
            hyper_parameters={"all": "none: not trained"},
        ),
        trains=False,
        frozen_image_tower=True,
        parity={"vanilla": ""},
    ),
    Facts(
        name="clip-image-ft",
        title="CLIP image-FT",
        summary="the image encoder is fine-tuned, the text encoder stays as it came",
        origin=_vifi_origin(_SAME_AS_VIFI),
        parity={"vificlip": "image"},
    ),
    Facts(
        name="clip-text-ft",
        title="CLIP text-FT",
        summary="the text encoder is fine-tuned, the image encoder stays as it came",
        origin=_vifi_origin(_SAME_AS_VIFI),
        frozen_image_tower=True,
        parity={"vificlip": "text"},
    ),
    Facts(
        name="vifi-clip",
        title="ViFi-CLIP",
        summary="both encoders are fine-tuned; frame features are averaged",
        origin=_vifi_origin("authors' repository"),
        options={"fusion": "embedding"},
        choices={"fusion": ("embedding", "decision", "image")},
        parity={"vificlip": "both"},
    ),
    Facts(
        name="vl-prompting",
        title="ViFi-CLIP + VL prompting",
        summary="a ViFi-CLIP of the source set stays frozen; prompts in both encoders are learned",
        origin=_vifi_origin("authors' repository"),
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
    ),
    Facts(
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
    ),
    Facts(
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
    ),
    Facts(
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
    ),
    Facts(
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
    ),
)

FACTS: Mapping[str, Facts] = MappingProxyType({facts.name: facts for facts in _ALL})

_FAMILY = ("methods.vifi.family",)

LOCATIONS: Mapping[str, Location] = MappingProxyType(
    {
        "vanilla-clip": Location("methods.vifi.vanilla_clip", "VanillaClip", _FAMILY),
        "clip-image-ft": Location("methods.vifi.clip_image_ft", "ClipImageFt", _FAMILY),
        "clip-text-ft": Location("methods.vifi.clip_text_ft", "ClipTextFt", _FAMILY),
        "vifi-clip": Location("methods.vifi.vifi_clip", "VifiClip", _FAMILY),
        "vl-prompting": Location(
            "methods.vl_prompting.adapter", "VlPrompting", (*_FAMILY, "methods.image_tower")
        ),
        "actionclip": Location(
            "methods.actionclip.adapter",
            "ActionClip",
            (
                "methods.actionclip.fusion",
                "methods.actionclip.shift",
                "methods.actionclip.text",
                "methods.image_tower",
            ),
        ),
        "a5": Location("methods.a5.adapter", "A5", ("methods.image_tower",)),
        "vita-clip": Location(
            "methods.vita_clip.adapter",
            "VitaClip",
            ("methods.vita_clip.blocks", "methods.image_tower"),
        ),
        "xclip": Location(
            "methods.xclip.adapter", "XClip", ("methods.xclip.modules", "methods.image_tower")
        ),
    }
)
