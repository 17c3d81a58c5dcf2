"""ActionCLIP's published recipes: one global batch, its own schedule, hard labels."""

from methods.facts import HARD_LABELS

RECIPES = dict(
    actionclip=dict(
        methods=["actionclip", "actionclip-meanp"],
        source="ActionCLIP release 31c34df, configuration files and code",
        values=dict(
            image_size=224,
            betas=(0.9, 0.98),
            eps=1e-8,
            color_jitter=0.8,
            gray_scale=0.2,
            flip=0.5,
            lr=5e-6,
            weight_decay=0.2,
            epochs=50,
            warmup_epochs=5,
            schedule="actionclip",
            lr_min_ratio=0.0,
            **HARD_LABELS,
            replicas=1,
            accumulation=1,
        ),
    ),
    actionclip_precision=dict(
        methods=["actionclip", "actionclip-meanp"],
        source="inferred: the original keeps the towers' weights in fp16, without an fp32 copy",
        values=dict(precision="amp-fp16"),
    ),
    actionclip_one_view=dict(
        settings=["zero-shot", "base-to-novel", "few-shot"],
        methods=["actionclip", "actionclip-meanp"],
        source="ActionCLIP release 31c34df, code; paper, Section 4: a single view",
        values=dict(views_clips=1, views_crops=1),
    ),
    actionclip_kinetics=dict(
        settings=["zero-shot", "fully-supervised"],
        methods=["actionclip", "actionclip-meanp"],
        source="inferred: ActionCLIP's Kinetics configuration (8 frames, B/32) at 32 frames, B/16",
        values=dict(
            num_frames=32,
            micro_batch=128,
            pipeline_options=dict(randaug_ops=2, randaug_magnitude=9),
        ),
    ),
    actionclip_views=dict(
        settings=["fully-supervised"],
        methods=["actionclip", "actionclip-meanp"],
        source="paper, Table 4: 10x3 views",
        values=dict(views_clips=10, views_crops=3),
    ),
    actionclip_low_shot=dict(
        settings=["base-to-novel", "few-shot"],
        methods=["actionclip", "actionclip-meanp"],
        source="inferred: ActionCLIP's HMDB-51 configuration at 32 frames",
        values=dict(num_frames=32, micro_batch=64),
    ),
    actionclip_order_sensitive=dict(
        methods=["actionclip", "actionclip-meanp"],
        datasets=["ssv2"],
        source="inferred: the original leaves out the flip for Something-Something",
        values=dict(flip=0.0),
    ),
)
