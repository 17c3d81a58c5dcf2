"""Rows of Table 5: at which level ViFi-CLIP's frames are fused."""

methods = {
    "vifi-clip/decision-fusion": dict(
        adapter="vifi-clip",
        options=dict(fusion="decision"),
        recipe_of="vifi-clip",
        title="Decision-level fusion",
    ),
    "vifi-clip/image-fusion": dict(
        adapter="vifi-clip",
        options=dict(fusion="image"),
        recipe_of="vifi-clip",
        title="Image-level fusion",
    ),
    "vifi-clip/embedding-fusion": dict(
        adapter="vifi-clip", recipe_of="vifi-clip", title="Embedding-level fusion"
    ),
}
settings = {
    "few-shot": dict(
        methods=["vanilla-clip", *methods],
        options=dict(shots=[16]),
        table="T5",
        title="Levels of fusion",
    ),
}
