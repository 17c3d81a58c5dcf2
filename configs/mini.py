"""The default: every method and setting on the mini world, in minutes on two CPU cores.

The recipes are the mini world's own (``docs/mini-world.md``): batch, rate, length and augmentation
fit 32-pixel synthetic clips. Losses, prompts, groups of parameters and frame sampling (but for
Vita-CLIP's, whose windows are longer than these clips) are those of the methods, as in
``paper.py``; schedule, decay and betas are ViFi-CLIP's unless stated.
"""

import bench.clip.mini_clip as _clip

_base_ = ["_base_/methods.py", "_base_/mini_world.py"]

name = "mini"
summary = "synthetic clips of the mini world, for trying the harness out"
backbone = dict(
    model=str(_clip.MODEL_FILE),
    weights=str(_clip.WEIGHTS_FILE),
    quick_gelu=True,
    pretraining="captioned stills of the mini world",
)
methods = {
    "vl-prompting": dict(
        options=dict(n_ctx_vision=4, n_ctx_text=4),
        setting_options=dict(_delete_=True),
    ),
}
recipes = dict(
    common=dict(
        source="mini world",
        values=dict(
            num_frames=4,
            image_size=32,
            epochs=6,
            warmup_epochs=1,
            lr=4e-4,
            micro_batch=16,
            accumulation=1,
            replicas=1,
            mixup_alpha=0.0,
            cutmix_alpha=0.0,
            color_jitter=0.0,
            gray_scale=0.0,
            flip=0.0,
            precision="fp32",
        ),
    ),
    fully_supervised=dict(
        settings=["fully-supervised"],
        source="mini world",
        values=dict(views_clips=2, views_crops=3),
    ),
    actionclip=dict(
        methods=["actionclip", "actionclip-meanp"],
        source="mini world; its loss takes no soft targets",
        values=dict(label_smoothing=0.0),
    ),
    a5=dict(
        methods=["a5", "a6"],
        source="mini world",
        values=dict(
            lr=3e-3,
            epochs=8,
            warmup_epochs=0,
            weight_decay=0.01,
            label_smoothing=0.0,
            views_clips=5,
        ),
    ),
    vita_clip=dict(
        methods=["vita-clip"],
        source="mini world",
        values=dict(
            lr=4e-3,
            epochs=10,
            micro_batch=8,
            label_smoothing=0.0,
            pipeline_options=dict(frame_stride=0, smallest_crop=0.7),
        ),
    ),
    # Frozen features make epochs cheap, and the order of frames takes many.
    a5_order_sensitive=dict(
        methods=["a5"],
        datasets=["mini-ssv2"],
        source="mini world",
        values=dict(lr=2e-3, epochs=200),
    ),
    vl_prompting=dict(methods=["vl-prompting"], source="mini world", values=dict(lr=5e-3)),
)
