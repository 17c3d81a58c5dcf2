"""The published recipes of VL prompting: prompts are learned on a ViFi-CLIP of K400."""

from methods.vifi.recipe import YAML

RECIPES = dict(
    vl_prompting_base_to_novel=dict(
        settings=["base-to-novel"],
        methods=["vl-prompting"],
        source=YAML,
        values=dict(lr=4e-2),
    ),
    vl_prompting_few_shot=dict(
        settings=["few-shot"],
        methods=["vl-prompting"],
        source=YAML,
        values=dict(lr=8e-3),
    ),
)
