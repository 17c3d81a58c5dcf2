"""``bench launchers``: where jobs can run."""

from __future__ import annotations

import argparse

from bench.commands import extension_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    extension_list.add_plugin_flag(parser)


def run(args: argparse.Namespace) -> int:
    """One line per launcher; 1 if one of them cannot be used."""
    from bench.running.launchers import EXTENSIONS

    return extension_list.show(EXTENSIONS, lambda name: EXTENSIONS.get(name).summary, args.plugin)
