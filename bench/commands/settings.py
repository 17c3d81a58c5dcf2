"""``bench settings``: the experimental protocols there are."""

from __future__ import annotations

import argparse

from bench.commands import extension_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    extension_list.add_plugin_flag(parser)


def run(args: argparse.Namespace) -> int:
    """One line per setting; 1 if one of them cannot be used."""
    import settings

    def line(name: str) -> str:
        setting = settings.get(name)
        return f"{setting.table:<3} {setting.title}: {setting.summary}"

    return extension_list.show(settings.EXTENSIONS, line, args.plugin)
