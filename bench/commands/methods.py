"""``bench methods``: the adapters there are."""

from __future__ import annotations

import argparse

from bench.commands import extension_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    extension_list.add_plugin_flag(parser)


def run(args: argparse.Namespace) -> int:
    """One line per adapter; 1 if one of them cannot be used."""
    import methods

    def line(adapter: str) -> str:
        facts = methods.facts(adapter)
        return f"{facts.title}: {facts.summary}"

    return extension_list.show(methods.EXTENSIONS, line, args.plugin)
