"""``bench data``: prepare, check and look at data; one file a command."""

from __future__ import annotations

import argparse
import importlib

COMMANDS = {
    "prepare": "index official videos and annotations where they lie; nothing is copied",
    "list": "the named lists of a dataset: given, made by rule, or missing",
    "audit": "do lists, labels and clips fit; does anything leak; what does the source set know",
    "check": "decode some or all frames of every video, and name those that cannot be used",
    "frames": "write the frames of a video as a model sees them, before normalisation",
    "resize": "smaller copies of a folder of videos, verified; the originals stay as they are",
    "shard": "pack a folder of videos into a few large tar files, for network disks",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands with their flags."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = importlib.import_module(f"bench.commands.data.{name}")
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))


def run(args: argparse.Namespace) -> int:
    """Do what the chosen command does; gives its exit code."""
    command = importlib.import_module(f"bench.commands.data.{args.command}")
    return int(command.run(args))
