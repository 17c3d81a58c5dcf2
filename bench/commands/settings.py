"""``bench settings``: the experimental protocols there are."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No flags."""


def run(args: argparse.Namespace) -> int:
    """One line a setting."""
    import settings

    names = settings.names()
    width = max(map(len, names))
    for name in names:
        setting = settings.get(name)
        print(f"{name:<{width}}  Table {setting.table[1:]}: {setting.summary}")
    return 0
