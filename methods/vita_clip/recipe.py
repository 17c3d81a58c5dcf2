"""Vita-CLIP's published recipes: one script, Kinetics-400 at 8 frames."""

from methods.facts import FRAMES_AS_THEY_ARE, HARD_LABELS

RECIPES = dict(
    vita=dict(
        methods=["vita-clip"],
        source="Vita-CLIP release c858299, Kinetics-400 script; inferred for other data",
        values=dict(
            image_size=224,
            eps=1e-8,
            num_frames=8,
            lr=4e-4,
            weight_decay=0.05,
            betas=(0.9, 0.999),
            warmup_epochs=0,
            schedule="cosine",
            lr_min_ratio=0.0,
            **HARD_LABELS,
            **FRAMES_AS_THEY_ARE,
            pipeline_options=dict(randaug_ops=4, randaug_magnitude=7),
            precision="fp32",
        ),
    ),
    vita_kinetics=dict(
        settings=["zero-shot", "fully-supervised"],
        methods=["vita-clip"],
        source="Vita-CLIP release c858299, Kinetics-400 script",
        values=dict(
            updates=30_000, micro_batch=16, replicas=2, accumulation=8, views_clips=3, views_crops=1
        ),
    ),
    vita_low_shot=dict(
        settings=["base-to-novel", "few-shot"],
        methods=["vita-clip"],
        source="inferred: the authors have none; batch and views of ViFi-CLIP's files",
        values=dict(micro_batch=4, replicas=8, accumulation=2, views_clips=1, views_crops=1),
    ),
    vita_base_to_novel=dict(
        settings=["base-to-novel"],
        methods=["vita-clip"],
        source="inferred: the authors have none; epochs of ViFi-CLIP's files",
        values=dict(epochs=11),
    ),
    vita_few_shot=dict(
        settings=["few-shot"],
        methods=["vita-clip"],
        source="inferred: the authors have none; epochs of ViFi-CLIP's files",
        values=dict(epochs=50),
    ),
)
