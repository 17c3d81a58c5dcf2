"""The published hyper-parameters of every method, one rule a setting, each with its source.

Later rules win. What no source states is marked as inferred; what a method shares with ViFi-CLIP by
its own files is stated again, with its own source. The ViFi-CLIP family, VL prompting and X-CLIP
run 4 clips on each of 8 GPUs, accumulated; any number of GPUs gives the same updates.
"""

_yaml = "ViFi-CLIP release e2d1948, yaml files"
_code = "ViFi-CLIP release e2d1948, code"
_docs = "ViFi-CLIP release e2d1948, docs/TRAIN.md (USE overridden, same hyper-parameters)"

_hard_labels = dict(label_smoothing=0.0, mixup_alpha=0.0, cutmix_alpha=0.0)
_frames_as_they_are = dict(color_jitter=0.0, gray_scale=0.0, flip=0.0)

# X-CLIP and ViFi-CLIP, whose code grew out of it, state these values each in files of their own.
_family = dict(
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
_family_code = dict(schedule="vificlip", lr_min_ratio=0.01, betas=(0.9, 0.98), eps=1e-8, flip=0.5)

recipes = dict(
    common=dict(
        source=_yaml,
        values=dict(**_family, views_clips=1, views_crops=1),
    ),
    common_code=dict(
        source=_code,
        values=_family_code,
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
    # VL prompting: prompts are learned on a ViFi-CLIP of K400.
    vl_prompting_base_to_novel=dict(
        settings=["base-to-novel"],
        methods=["vl-prompting"],
        source=_yaml,
        values=dict(lr=4e-2),
    ),
    vl_prompting_few_shot=dict(
        settings=["few-shot"],
        methods=["vl-prompting"],
        source=_yaml,
        values=dict(lr=8e-3),
    ),
    # X-CLIP: the family's augmentation and schedule; new parts learn ten times as fast.
    xclip=dict(
        methods=["xclip"],
        source="X-CLIP yaml files and code",
        values=dict(**_family, **_family_code),
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
    # ActionCLIP: one global batch, its own schedule, class labels instead of soft targets.
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
            **_hard_labels,
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
    # A5 and A6: frozen frame features, a fixed temperature, windows of frames, five views.
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
            **_hard_labels,
            **_frames_as_they_are,
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
    # Vita-CLIP: one published script, Kinetics-400 at 8 frames.
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
            **_hard_labels,
            **_frames_as_they_are,
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
