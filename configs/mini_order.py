"""Does a method see the order of frames? The reversed pairs of mini-ssv2, trained until it shows.

Each class comes with its reversal, so averaging over frames cannot pass 50 %
(``docs/mini-world.md``). The default configuration trains briefly; here the methods with temporal
modules get the epochs they need, and two that average get as many, for comparison. Sixteen clips a
class.
"""

_base_ = ["mini.py"]

name = "mini_order"
summary = "reversed pairs of the mini world: which methods see the order of frames"
only = ["few-shot"]
methods = {
    "actionclip": dict(
        options=dict(temporal_shift=True),
        title="ActionCLIP, temporal shift",
        note="patches take channels over from the frames beside theirs, an option of the original",
    ),
}
settings = {
    "few-shot": dict(
        datasets=["mini-ssv2"],
        methods=[
            "vanilla-clip",
            "actionclip",
            "xclip",
            "a5",
            "vita-clip",
            "clip-text-ft",
            "vifi-clip",
        ],
        options=dict(shots=[16]),
    ),
}
recipes = dict(
    long=dict(
        methods=["actionclip", "xclip", "clip-text-ft", "vifi-clip"],
        source="mini world; long enough for the temporal modules to leave the mean behind",
        values=dict(epochs=100, lr=3e-4),
    ),
)
