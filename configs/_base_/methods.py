"""The rows of the tables: each an adapter with its options."""

methods = {
    "vanilla-clip": dict(adapter="vanilla-clip"),
    "clip-image-ft": dict(adapter="clip-image-ft"),
    "clip-text-ft": dict(adapter="clip-text-ft"),
    "vifi-clip": dict(adapter="vifi-clip"),
}
