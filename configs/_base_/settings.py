"""Which cells of the matrix exist in the paper."""

settings = {
    "zero-shot": dict(datasets=["hmdb51", "ucf101", "kinetics600"]),
    "base-to-novel": dict(datasets=["kinetics400", "hmdb51", "ucf101", "ssv2"]),
    "few-shot": dict(datasets=["hmdb51", "ucf101", "ssv2"]),
    "fully-supervised": dict(datasets=["kinetics400"]),
}
