"""The published recipes of A5 and A6: frozen frame features, a fixed temperature, five views."""

from methods.facts import FRAMES_AS_THEY_ARE, HARD_LABELS

RECIPES = dict(
    a5=dict(
        methods=["a5", "a6"],
        source="Efficient-Prompt release 1f69a18, HMDB-51 command and the code's defaults",
        values=dict(
            image_size=224,
            eps=1e-8,
            lr=1e-4,
            weight_decay=0.01,
            betas=(0.9, 0.999),
            warmup_epochs=0,
            schedule="cosine",
            lr_min_ratio=0.01,
            cosine_updates=200_000,
            micro_batch=64,
            replicas=1,
            accumulation=1,
            **HARD_LABELS,
            **FRAMES_AS_THEY_ARE,
            precision="fp32",
            views_clips=5,
            views_crops=1,
        ),
    ),
    a5_frames=dict(
        settings=["zero-shot", "base-to-novel", "few-shot"],
        methods=["a5", "a6"],
        source="paper: 32 frames (the release's default is 16)",
        values=dict(num_frames=32),
    ),
    a6_frames=dict(
        settings=["fully-supervised"],
        methods=["a5", "a6"],
        source="paper, Table 4: 16 frames, the release's default",
        values=dict(num_frames=16),
    ),
    a5_kinetics=dict(
        settings=["zero-shot", "fully-supervised"],
        methods=["a5", "a6"],
        source="inferred: the code's default number of iterations",
        values=dict(updates=100_000),
    ),
    a5_low_shot=dict(
        settings=["base-to-novel", "few-shot"],
        methods=["a5", "a6"],
        source="inferred: the authors' HMDB-51 command",
        values=dict(updates=1100),
    ),
)
