"""Which cells of the matrix exist in the paper."""

_low_shot = [
    "vanilla-clip",
    "actionclip",
    "xclip",
    "a5",
    "vita-clip",
    "clip-image-ft",
    "clip-text-ft",
    "vifi-clip",
    "vl-prompting",
]
_zero_shot = ["vanilla-clip", "actionclip", "actionclip-meanp", *_low_shot[2:]]
_fully_supervised = ["vanilla-clip", "actionclip", "xclip", "a6", *_low_shot[4:]]

settings = {
    "zero-shot": dict(datasets=["hmdb51", "ucf101", "kinetics600"], methods=_zero_shot),
    "base-to-novel": dict(datasets=["kinetics400", "hmdb51", "ucf101", "ssv2"], methods=_low_shot),
    "few-shot": dict(datasets=["hmdb51", "ucf101", "ssv2"], methods=_low_shot),
    "fully-supervised": dict(datasets=["kinetics400"], methods=_fully_supervised),
}
