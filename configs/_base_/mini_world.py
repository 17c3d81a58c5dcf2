"""The mini world: five small synthetic datasets made on first use, and the mini CLIP."""

_datasets = {
    "mini-kinetics400": "kinetics",
    "mini-kinetics600": "kinetics",
    "mini-hmdb51": "hmdb",
    "mini-ucf101": "ucf",
    "mini-ssv2": "ssv2",
}

datasets = {
    name: dict(
        generate="mini",
        format=format,
        source="mini-kinetics400" if name == "mini-kinetics600" else None,
    )
    for name, format in _datasets.items()
}

_source = dict(source="mini-kinetics400")
settings = {
    "zero-shot": dict(datasets=["mini-hmdb51", "mini-ucf101", "mini-kinetics600"], options=_source),
    "base-to-novel": dict(
        datasets=["mini-kinetics400", "mini-hmdb51", "mini-ucf101", "mini-ssv2"], options=_source
    ),
    "few-shot": dict(datasets=["mini-hmdb51", "mini-ucf101", "mini-ssv2"], options=_source),
    "fully-supervised": dict(datasets=["mini-kinetics400"], options=_source),
}
