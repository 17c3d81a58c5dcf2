"""The rows of the tables: each an adapter with its options."""

methods = {
    "vanilla-clip": dict(adapter="vanilla-clip"),
    "actionclip": dict(adapter="actionclip"),
    "actionclip-meanp": dict(
        adapter="actionclip",
        options=dict(fusion="meanP"),
        title="ActionCLIP MeanP",
        settings=["zero-shot"],
        note="the zero-shot numbers printed for ActionCLIP are those of this variant (inferred)",
    ),
    "xclip": dict(adapter="xclip"),
    "a5": dict(adapter="a5", settings=["zero-shot", "base-to-novel", "few-shot"]),
    "a6": dict(
        adapter="a5",
        options=dict(temporal_layers=3),
        title="A6",
        settings=["fully-supervised"],
        note="A5 with three temporal layers; the paper prints it for the fully-supervised setting",
    ),
    "vita-clip": dict(
        adapter="vita-clip",
        setting_options={
            # Inferred: contexts of each class cannot score classes that were not trained.
            "base-to-novel": dict(class_specific_ctx=False, new_classes="context"),
        },
    ),
    "clip-image-ft": dict(adapter="clip-image-ft"),
    "clip-text-ft": dict(adapter="clip-text-ft"),
    "vifi-clip": dict(adapter="vifi-clip"),
    "vl-prompting": dict(
        adapter="vl-prompting",
        setting_options={
            "base-to-novel": dict(
                n_ctx_vision=16, n_ctx_text=16, prompt_depth_vision=9, prompt_depth_text=9
            ),
            "few-shot": dict(
                n_ctx_vision=10, n_ctx_text=10, prompt_depth_vision=12, prompt_depth_text=12
            ),
        },
    ),
}
