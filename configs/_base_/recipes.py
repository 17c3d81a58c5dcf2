"""The released hyper-parameters of the ViFi-CLIP family, one rule a setting.

Provenance: the yaml files of the ViFi-CLIP release (commit e2d1948) and its documentation. The
batch is 4 clips on each of 8 GPUs, accumulated; any number of GPUs gives the same updates.
"""

_yaml = "ViFi-CLIP release e2d1948, yaml files"
_docs = "ViFi-CLIP release e2d1948, docs/TRAIN.md (USE overridden, same hyper-parameters)"

recipes = dict(
    common=dict(
        source=_yaml,
        values=dict(
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
            flip=0.5,
            precision="amp-fp16",
        ),
    ),
    zero_shot=dict(
        settings=["zero-shot"],
        source=_yaml,
        values=dict(num_frames=32, epochs=10, lr=8e-6, accumulation=8),
    ),
    base_to_novel=dict(
        settings=["base-to-novel"],
        source=_yaml,
        values=dict(num_frames=32, epochs=11, lr=2e-6, accumulation=2),
    ),
    few_shot=dict(
        settings=["few-shot"],
        source=_yaml,
        values=dict(num_frames=32, epochs=50, lr=2e-6, accumulation=2),
    ),
    one_tower_base_to_novel_and_few_shot=dict(
        settings=["base-to-novel", "few-shot"],
        methods=["clip-image-ft", "clip-text-ft"],
        source=_docs,
        values=dict(lr=2e-6),
    ),
    fully_supervised=dict(
        settings=["fully-supervised"],
        source=_yaml,
        values=dict(
            num_frames=16, epochs=30, lr=2.2e-5, accumulation=16, views_clips=4, views_crops=3
        ),
    ),
    fully_supervised_one_tower=dict(
        settings=["fully-supervised"],
        methods=["clip-image-ft", "clip-text-ft"],
        source=_yaml,
        values=dict(lr=8e-6, accumulation=8),
    ),
)
