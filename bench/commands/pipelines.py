"""``bench pipelines``: the ways from a video to frames, and their options."""

from __future__ import annotations

import argparse

from bench.commands import extension_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    extension_list.add_plugin_flag(parser)


def run(args: argparse.Namespace) -> int:
    """One line per pipeline; 1 if one of them cannot be used."""
    from bench.data.pipelines import EXTENSIONS

    def line(name: str) -> str:
        pipeline = EXTENSIONS.get(name)
        fields = pipeline.options.model_fields.items()
        options = ", ".join(f"{option} = {field.default}" for option, field in fields)
        return f"{pipeline.summary}; options: {options or 'none'}"

    return extension_list.show(EXTENSIONS, line, args.plugin)
