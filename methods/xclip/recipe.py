"""X-CLIP's published recipes: the augmentation and schedule that ViFi-CLIP took over."""

from methods.vifi.recipe import FAMILY, FAMILY_CODE

RECIPES = dict(
    xclip=dict(
        methods=["xclip"],
        source="X-CLIP yaml files and code",
        values=dict(**FAMILY, **FAMILY_CODE),
    ),
    xclip_one_view=dict(
        settings=["zero-shot", "base-to-novel", "few-shot"],
        methods=["xclip"],
        source="paper, Section 4: a single view",
        values=dict(views_clips=1, views_crops=1),
    ),
    xclip_zero_shot=dict(
        settings=["zero-shot"],
        methods=["xclip"],
        source="X-CLIP k400/16_32.yaml; 10 epochs: author's reply",
        values=dict(num_frames=32, epochs=10, lr=8e-6, accumulation=8),
    ),
    xclip_few_shot=dict(
        settings=["few-shot"],
        methods=["xclip"],
        source="X-CLIP few-shot yaml files (HMDB-51, UCF-101); inferred for SSv2",
        values=dict(num_frames=32, epochs=50, lr=2e-6, accumulation=2),
    ),
    xclip_base_to_novel=dict(
        settings=["base-to-novel"],
        methods=["xclip"],
        source="inferred: X-CLIP's few-shot files with the 11 epochs of ViFi-CLIP's",
        values=dict(num_frames=32, epochs=11, lr=2e-6, accumulation=2),
    ),
    xclip_fully_supervised=dict(
        settings=["fully-supervised"],
        methods=["xclip"],
        source="X-CLIP k400/16_16.yaml",
        values=dict(
            num_frames=16, epochs=30, lr=8e-6, accumulation=8, views_clips=4, views_crops=3
        ),
    ),
)
