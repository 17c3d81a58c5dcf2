"""``bench speed``: what methods cost."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from bench.commands.flag_values import at_least_one
from bench.ground.errors import UsageError

if TYPE_CHECKING:
    import torch

    from bench.speed.counts import NoCost
    from bench.speed.setup import Setup

Row = TypeVar("Row")
FULL_MODEL = "ViT-B-16"
FULL_FRAMES = 16
FULL_CLASSES = 400
SMALL_FRAMES = 8
SMALL_CLASSES = 51


@dataclass(frozen=True)
class Part:
    """One table of the answer.

    Attributes:
        title: What it is.
        facts: What it was made with, in words.
        rows: Records with the numbers.
        table: The numbers for people.
    """

    title: str
    facts: str
    rows: Sequence[Any]
    table: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--method", action="append", metavar="NAME", help="adapters (default: all)")
    parser.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="open_clip model or configuration file (default: ViT-B-16 is counted, and timed on a "
        "GPU; on the CPU the mini CLIP is timed)",
    )
    for flag, what in (
        ("--frames", f"frames a view (default: {FULL_FRAMES}; with the mini CLIP {SMALL_FRAMES})"),
        ("--size", "side of a frame in pixels (default: the model's)"),
        (
            "--classes",
            f"classes (default: {FULL_CLASSES}; what is timed: {SMALL_CLASSES})",
        ),
        ("--threads", "threads on the CPU (default: torch's)"),
    ):
        parser.add_argument(flag, type=at_least_one, metavar="N", help=what)
    parser.add_argument(
        "--batch",
        type=at_least_one,
        default=4,
        metavar="N",
        help="views timed at once (default: 4)",
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: cuda where there is one"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--no-throughput", action="store_true", help="count only; time nothing")
    parser.add_argument(
        "--loops",
        action="store_true",
        help="time our evaluation and training update against plain loops, and compare results",
    )


def run(args: argparse.Namespace) -> int:
    """Count, time, compare; 0."""
    if args.device == "cpu" and "torch" not in sys.modules:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    import methods

    device = _device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    adapters = list(dict.fromkeys(args.method or methods.names()))
    for adapter in args.method or ():
        methods.facts(adapter)
    counted = _counted_setup(args)
    counted.config()
    parts = [*_counts(args, adapters, counted)]
    if not args.no_throughput:
        parts.append(_throughput(args, adapters, device))
    if args.loops:
        parts.append(_loops(args, adapters, device))
    if args.json:
        print(json.dumps([_record(part) for part in parts], indent=1))
    else:
        print("\n\n".join(f"{part.title}\n{part.facts}\n\n{part.table}" for part in parts))
    return 0


def _counted_setup(args: argparse.Namespace) -> Setup:
    from bench.speed.setup import Setup

    return Setup(
        model=args.model or FULL_MODEL,
        frames=args.frames or FULL_FRAMES,
        size=args.size,
        classes=args.classes or FULL_CLASSES,
    )


def _timed_setup(args: argparse.Namespace, device: torch.device) -> Setup:
    """What is timed: as counted on a GPU or with a named model, else small."""
    from bench.data.mini_world.clip import MODEL_FILE
    from bench.speed.setup import Setup

    small = args.model is None and device.type == "cpu"
    return Setup(
        model=str(MODEL_FILE) if small else args.model or FULL_MODEL,
        frames=args.frames or (SMALL_FRAMES if small else FULL_FRAMES),
        size=args.size,
        classes=args.classes or SMALL_CLASSES,
    )


def _counts(args: argparse.Namespace, adapters: Sequence[str], setup: Setup) -> list[Part]:
    from bench.speed.counts import count_all
    from bench.speed.paper_counts import paper_rows
    from bench.speed.tables import cost_table, paper_table

    costs = _each(args, adapters, lambda adapter: count_all(adapter, setup))
    parts = [
        Part(
            "Like for like",
            f"{_words(setup)}; multiply-accumulates; a view: given the class texts; "
            '"here": with the shortcuts that change no result.',
            costs,
            cost_table(costs),
        )
    ]
    printed = paper_rows(adapters) if args.model in (None, FULL_MODEL) else []
    if printed:
        parts.append(
            Part(
                "The paper's way (Tables 6 and 9)",
                "ViT-B-16 at 224 pixels; the parts that each printed row seems to take in.",
                printed,
                paper_table(printed),
            )
        )
    return parts


def _throughput(args: argparse.Namespace, adapters: Sequence[str], device: torch.device) -> Part:
    from bench.speed.tables import throughput_table
    from bench.speed.throughput import WARM_UP, measure

    setup = _timed_setup(args, device)
    rows = _each(
        args, adapters, lambda name: [measure(name, setup, batch=args.batch, device=device)]
    )
    facts = (
        f"{_words(setup)}; random weights; batch {args.batch}; {_machine(device)}; the median "
        f"pass after {WARM_UP} for warm-up; class texts given; peak with weights."
    )
    return Part("Throughput", facts, rows, throughput_table(rows))


def _loops(args: argparse.Namespace, adapters: Sequence[str], device: torch.device) -> Part:
    from bench.speed.loop_world import CLIPS, MICRO_BATCH, make_loop_world
    from bench.speed.loops import TEST_BATCH, compare_loops
    from bench.speed.tables import loop_table

    setup = _timed_setup(args, device)
    with TemporaryDirectory(prefix="bench-speed-") as folder:
        world = make_loop_world(Path(folder), setup)
        rows = _each(args, adapters, lambda adapter: [compare_loops(world, adapter)])
    facts = (
        f"{_words(setup)}; {CLIPS} videos; fp32; {_machine(device)}. Plain: the text tower over 77 "
        f"tokens in every pass, {TEST_BATCH} test clips or {MICRO_BATCH} training clips a pass, "
        "no caches. Decoding is in the times. Results: scores, and gradients of one update."
    )
    return Part("Our loops and plain ones", facts, rows, loop_table(rows))


def _each(
    args: argparse.Namespace, adapters: Sequence[str], work: Callable[[str], Sequence[Row]]
) -> list[Row | NoCost]:
    """``work`` of every adapter; one that was not asked for by name may fail with a reason."""
    import methods
    from bench.speed.counts import NoCost

    rows: list[Row | NoCost] = []
    for adapter in adapters:
        try:
            rows += work(adapter)
        except UsageError as error:
            if args.method:
                raise
            rows.append(NoCost(adapter, methods.facts(adapter).title, error.what))
    return rows


def _record(part: Part) -> dict[str, Any]:
    return {"title": part.title, "facts": part.facts, "rows": [asdict(row) for row in part.rows]}


def _words(setup: Setup) -> str:
    size = setup.pixels()
    name = Path(setup.model).stem
    return f"{name}, {setup.frames} frames of {size}x{size} pixels, {setup.classes} classes"


def _machine(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}"


def _device(wanted: str | None) -> torch.device:
    import torch

    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError(
            "no CUDA device can be used here",
            got="--device cuda",
            allowed="--device cpu",
            next_step="bench speed --device cpu, or run it where nvidia-smi lists a GPU",
        )
    return torch.device("cuda", 0) if there and wanted != "cpu" else torch.device("cpu")
