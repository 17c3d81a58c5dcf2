"""The published recipes of the ViFi-CLIP family; those of other methods change what they change.

Every rule says where its values come from; what no source states is marked as inferred. The family
runs 4 clips on each of 8 GPUs, accumulated; any number of GPUs gives the same updates.
"""

YAML = "ViFi-CLIP release e2d1948, yaml files"
_CODE = "ViFi-CLIP release e2d1948, code"
_DOCS = "ViFi-CLIP release e2d1948, docs/TRAIN.md (USE overridden, same hyper-parameters)"

# X-CLIP and ViFi-CLIP, whose code grew out of it, state these values each in files of their own.
FAMILY = dict(
    image_size=224,
    warmup_epochs=5,
    weight_decay=0.001,
    micro_batch=4,
    replicas=8,
    label_smoothing=0.1,
    mixup_alpha=0.8,
    cutmix_alpha=1.0,
    cutmix_prob=0.5,
    color_jitter=0.8,
    gray_scale=0.2,
    precision="amp-fp16",
)
FAMILY_CODE = dict(schedule="vificlip", lr_min_ratio=0.01, betas=(0.9, 0.98), eps=1e-8, flip=0.5)

RECIPES = dict(
    common=dict(
        source=YAML,
        values=dict(**FAMILY, views_clips=1, views_crops=1),
    ),
    common_code=dict(
        source=_CODE,
        values=FAMILY_CODE,
    ),
    zero_shot=dict(
        settings=["zero-shot"],
        source=YAML,
        values=dict(num_frames=32, epochs=10, lr=8e-6, accumulation=8),
    ),
    base_to_novel=dict(
        settings=["base-to-novel"],
        source=YAML,
        values=dict(num_frames=32, epochs=11, lr=2e-6, accumulation=2),
    ),
    few_shot=dict(
        settings=["few-shot"],
        source=YAML,
        values=dict(num_frames=32, epochs=50, lr=2e-6, accumulation=2),
    ),
    one_tower_base_to_novel_and_few_shot=dict(
        settings=["base-to-novel", "few-shot"],
        methods=["clip-image-ft", "clip-text-ft"],
        source=_DOCS,
        values=dict(lr=2e-6),
    ),
    fully_supervised=dict(
        settings=["fully-supervised"],
        source=YAML,
        values=dict(
            num_frames=16, epochs=30, lr=2.2e-5, accumulation=16, views_clips=4, views_crops=3
        ),
    ),
    fully_supervised_one_tower=dict(
        settings=["fully-supervised"],
        methods=["clip-image-ft", "clip-text-ft"],
        source=YAML,
        values=dict(lr=8e-6, accumulation=8),
    ),
)
