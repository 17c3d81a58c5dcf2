"""``bench checkpoint FILE``: what a checkpoint is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins

if TYPE_CHECKING:
    from methods.checkpoints.identify import Identity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a file with adapters"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--export",
        choices=["original"],
        help="write a checkpoint of a training of yours as the method's authors' code loads it",
    )
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="where --export writes (default: beside FILE)"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the file is; 1 if it is nothing that an adapter takes as it is."""
    import sys

    from methods.checkpoints.identify import identify

    for plugin in load_plugins(args.plugin):
        print(plugin, file=sys.stderr)
    if args.to is not None and args.export is None:
        raise UsageError("--to names a file, and nothing is exported", next_step="add --export")
    if args.export is not None:
        print(_exported(args.file, args.to))
        return 0
    found = identify(args.file)
    print(_document(found) if args.json else _text(found))
    return 0 if found.method is not None and not found.problem else 1


def _exported(file: Path, to: Path | None) -> str:
    """Write a training's weights in the authors' layout; what was written, in words.

    Raises:
        UsageError: The file is no checkpoint in the folder of its training, or there is a file
            already where it is to be written.
    """
    from bench.engine.scoring.prediction import method_of_training
    from methods.checkpoints.export import export_original, layout_in_words

    folder = file if file.is_dir() else file.parent
    if not (folder / "job.json").is_file():
        raise UsageError(
            f"{file.name} does not lie in the folder of its training",
            got=f"no {folder / 'job.json'}",
            allowed="RUN/jobs/KEY/checkpoint.safetensors: job.json beside it names the backbone "
            "and the options that belong to it",
            next_step="give the file where the training left it; a file that others released is "
            "in its authors' layout already",
        )
    target = to or folder / "original.pth"
    if target.exists():
        raise UsageError(
            f"{target.name} exists already",
            got=str(target),
            next_step="name another file with --to",
        )
    if not target.parent.is_dir():
        raise UsageError("there is no such folder", got=str(target.parent))
    method = method_of_training(folder)
    report = export_original(method, target)
    held = layout_in_words(method.original_content())
    return (
        f"wrote     {target} ({target.stat().st_size / 1e6:.1f} MB): {method.title}, {held}\n"
        f"reads as  {report}"
    )


def _document(found: Identity) -> str:
    import json
    from dataclasses import asdict

    from methods.checkpoints.identify import groups

    body = asdict(found)
    if found.report is not None:
        body["groups"] = {
            kind: groups(getattr(found.report, kind))
            for kind in ("matched", "missing", "unexpected", "ignored")
        }
    return json.dumps(body, indent=1)


def _text(found: Identity) -> str:
    import methods

    beside = f"; beside it: {', '.join(found.beside)}" if found.beside else ""
    held = f"in '{found.container}'" if found.container else "at the top"
    prefix = f", prefix '{found.prefix}'" if found.prefix else ""
    if found.method is None:
        method = "none that is known here"
    elif found.method in methods.names():
        method = f"{found.method} ({methods.facts(found.method).title})"
    else:
        method = f"{found.method} (no such adapter here; load its plug-in with --plugin)"
    if found.trained_here:
        method += ", a checkpoint of a training of this project"
    lines = [
        ("file", f"{found.file} ({found.bytes / 1e6:.1f} MB, {found.layout})"),
        ("sha256", found.sha256),
        ("tensors", f"{found.tensors} {held}{prefix}{beside}; {found.parameters:,} values"),
        ("method", method),
        ("backbone", "not both towers are in it" if found.sizes is None else str(found.sizes)),
        ("frames", "not said" if found.frames is None else str(found.frames)),
        ("classes", "any" if found.classes is None else f"made with {found.classes}"),
        ("options", ", ".join(f"{key}={value}" for key, value in found.options.items()) or "none"),
    ]
    text = [f"{name:<9} {value}" for name, value in lines]
    return "\n".join([*text, *_outcome(found)])


def _outcome(found: Identity) -> list[str]:
    from methods.checkpoints.identify import groups

    lines = []
    if found.problem:
        lines.append(f"refused   {found.problem}")
    elif found.report is not None:
        lines.append(f"loads     {found.report}")
    if found.report is not None:
        for kind in ("matched", "missing", "unexpected", "ignored"):
            for group, number in groups(getattr(found.report, kind)).items():
                lines.append(f"  {kind:<10} {number:>4}  {group}")
    return lines
