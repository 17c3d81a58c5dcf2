"""The rows of the tables: each an adapter with its options."""

methods = {
    "vanilla-clip": dict(adapter="vanilla-clip"),
    "actionclip": dict(adapter="actionclip"),
    "xclip": dict(adapter="xclip"),
    "a5": dict(adapter="a5"),
    "vita-clip": dict(adapter="vita-clip"),
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
