"""``bench data list``: the named lists of a dataset, and where each of them is from."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.data.datasets.base import NamedList
    from bench.data.lists.clips_ref import ClipsRef
    from bench.data.lists.sources import DatasetSource


@dataclass(frozen=True)
class ListState:
    """One named list: a reference, or what is missing."""

    named: NamedList
    ref: ClipsRef | None
    needs: str = ""

    @property
    def state(self) -> str:
        """``given``, ``derived`` (made by rule) or ``missing``."""
        if self.ref is None:
            return "missing"
        return "given" if self.ref.list_origin.startswith("given") else "derived"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("dataset", metavar="DATASET", help="see bench datasets")
    parser.add_argument(
        "--name", action="append", default=[], metavar="LIST", help="for example few_shot_16"
    )
    parser.add_argument("--config", help="configuration (default: paper; mini for mini-…)")
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="write the lists that are made by rule there"
    )


def run(args: argparse.Namespace) -> int:
    """Print a line a list; 1 where a list that was asked for by name cannot be had."""
    from bench.data.datasets import CATALOGUE
    from bench.data.datasets.base import NamedList
    from bench.data.lists.derive import rule_for
    from bench.data.lists.named_lists import named_lists
    from bench.ground.errors import unknown_name
    from bench.planning.dataset_sources import default_config, source_of
    from bench.planning.load_config import load_config

    # A configuration may bring datasets of its own along.
    datasets = CATALOGUE if args.config is None else load_config(args.config).catalogue
    if args.dataset not in datasets:
        raise unknown_name("dataset", args.dataset, datasets)
    config = load_config(args.config or default_config(args.dataset))
    source = source_of(config, args.dataset)
    if source.config.format == "msrvtt":
        return _captioned(source, args.name, args.write)
    known = {item.clips: item for item in named_lists(source.spec, source.config)}
    wanted = [
        known.get(name) or NamedList(name, rule_for(name).classes) for name in args.name
    ] or list(known.values())
    states = [_state(source, item) for item in wanted]
    if args.name:
        for state in states:
            _print_one(state)
    else:
        _print_table(args.dataset, states)
    if args.write is not None:
        _write([state.ref for state in states if state.ref is not None], args.write)
    return 1 if args.name and any(state.ref is None for state in states) else 0


def _state(source: DatasetSource, item: NamedList) -> ListState:
    from bench.ground.errors import DataError

    try:
        return ListState(item, source.clips(item.clips, item.classes, required=True))
    except DataError as error:
        parts = (error.what, f" ({error.got})", f"; next: {error.next_step}")
        known = (True, error.got is not None, error.next_step is not None)
        return ListState(item, None, "".join(compress(parts, known)))


def _print_table(dataset: str, states: list[ListState]) -> None:
    print(f"{'list':<16} {'state':<8} {'clips':>8} {'classes':<20} {'sha256':<12}  file")
    for state in states:
        classes = state.named.classes
        if state.ref is None:
            print(f"{state.named.clips:<16} {state.state:<8} {'-':>8} {classes:<20}")
            continue
        ref = state.ref
        what = f"{ref.num_classes} ({classes})"
        print(
            f"{ref.clip_list:<16} {state.state:<8} {ref.listed:>8,} {what:<20} "
            f"{(ref.list_sha256 or '')[:12]}  {ref.list_file}"
        )
    for need in dict.fromkeys(state.needs for state in states if state.needs):
        print(f"needed: {need}")
    if any(state.state == "derived" for state in states):
        print(
            "derived: made by the documented rule, ours and not the authors'; records say so. "
            f"bench data list {dataset} --name LIST shows the rule, --write DIR writes them"
        )


def _print_one(state: ListState) -> None:
    ref = state.ref
    if ref is None:
        print(f"{state.named.clips}: missing\n  {state.needs}")
        return
    print(f"{ref.clip_list} of {ref.dataset}: {state.state}")
    print(f"  clips    {ref.listed:,}; {ref.list_origin}")
    print(f"  file     {ref.list_file}")
    print(f"  sha256   {ref.list_sha256}")
    print(f"  classes  {ref.num_classes} ({ref.classes}, {ref.labels}); {ref.classes_origin}")
    print(f"  file     {ref.class_file}")
    print(f"  sha256   {ref.classes_sha256} (of the names)")
    print(f"  videos   {ref.root or 'not named'}")


def _write(refs: list[ClipsRef], folder: Path) -> None:
    """Copy what is made by rule, with its sidecar; given files stay where they are."""
    files: dict[str, Path] = {}
    for ref in refs:
        if not ref.list_origin.startswith("given"):
            files[f"{ref.clip_list}.txt"] = Path(ref.list_file)
            files[f"{ref.clip_list}.json"] = Path(ref.list_file).with_suffix(".json")
        if not ref.classes_origin.startswith("given"):
            files[f"classes-{ref.classes}.csv"] = Path(ref.class_file)
    if not files:
        print("nothing to write: every list is given")
    for name, file in files.items():
        _write_file(folder / name, file.read_bytes())
        print(folder / name)


def _write_file(target: Path, content: bytes) -> None:
    from bench.ground.errors import UsageError
    from bench.ground.files import write_whole

    if target.is_file() and target.read_bytes() != content:
        raise UsageError(
            "a file of that name is there and differs",
            got=str(target),
            next_step="name another folder: --write DIR",
        )
    write_whole(target, content, flag="--write DIR")


def _captioned(source: DatasetSource, names: list[str], folder: Path | None) -> int:
    """Splits of a dataset with captions: JSON lines of ``video`` and ``captions``."""
    import json

    from bench.ground.errors import unknown_name

    manifest = source.manifest
    for name in names:
        if name not in manifest.splits:
            raise unknown_name(f"split of {manifest.dataset}", name, manifest.splits)
    print(f"{'split':<16} {'clips':>8} {'there':>8} {'captions':>10}")
    for name in names or manifest.splits:
        rows = [row for row in manifest.rows if name in row.splits]
        captions = sum(len(row.captions) for row in rows)
        there = sum(row.present for row in rows)
        print(f"{name:<16} {len(rows):>8,} {there:>8,} {captions:>10,}")
        if folder is not None:
            lines = [json.dumps({"video": row.path, "captions": row.captions}) for row in rows]
            _write_file(folder / f"{name}.jsonl", ("\n".join(lines) + "\n").encode())
            print(folder / f"{name}.jsonl")
    return 0
