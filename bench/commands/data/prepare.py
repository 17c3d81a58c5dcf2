"""``bench data prepare``: index official data where they lie; nothing is copied or renamed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.data.official.prepare import PrepareResult
    from bench.data.official.prepared import Prepared

_WORST = 10
_WORDS = {
    "empty": "files without a byte, as half-finished downloads leave them",
    "unusable": "unfinished downloads and links that lead nowhere, left out",
    "unreadable": "folders that cannot be read",
    "ambiguous": "clips with several files of different size, the likeliest place is used",
    "conflicts": "clips that the annotations list with two classes, the first is used",
    "unlabelled": "annotated clips whose class is held out, left out",
    "mended": "clips taken from a folder of mended copies",
    "unlisted": "video files that no annotation speaks of, left out",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "dataset", metavar="DATASET", help="kinetics400, kinetics600, hmdb51, ucf101, ssv2, msrvtt"
    )
    parser.add_argument(
        "--videos", type=Path, metavar="DIR", help="folder of the videos, in any layout"
    )
    parser.add_argument(
        "--annotations", type=Path, metavar="DIR", help="folder of the official annotation files"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where prepared/ is written (default: $BENCH_DATA, or data)",
    )
    parser.add_argument(
        "--released",
        type=Path,
        metavar="DIR",
        help="the released lists: datasets_splits/ and labels/ (default: as last time)",
    )


def run(args: argparse.Namespace) -> int:
    """Index, write the manifest, and say what is there and what is not."""
    from bench.data.official.prepare import PrepareRequest, prepare
    from bench.data.official.prepared import data_folder

    data = data_folder(args.data)
    result = prepare(
        PrepareRequest(args.dataset, data, args.videos, args.annotations, args.released)
    )
    print("\n".join(_text(result, data)))
    return 0


def _text(result: PrepareResult, data: Path) -> Iterator[str]:
    from bench.data.official.prepared import prepared_file

    prepared = result.prepared
    files = [Path(file.path).name for file in prepared.annotation_files]
    listed = ", ".join(files[:4]) + (f", … ({len(files)} files)" if len(files) > 4 else "")
    yield _headline(prepared)
    yield f"  videos       {prepared.videos}"
    yield f"  annotations  {prepared.annotations} ({listed})"
    yield ""
    yield from _split_table(prepared)
    yield ""
    missing_file = prepared_file(data, prepared.dataset, ".missing.txt")
    notes = [*_differences(prepared, missing_file), *_lists(prepared)]
    yield from notes
    if notes:
        yield ""
    written = prepared_file(data, prepared.dataset, "")
    news = "written" if result.rebuilt else f"nothing has changed since {prepared.prepared}"
    yield f"{news}: {written}.csv, .json, .missing.txt"
    yield from _next_steps(prepared, data)


def _headline(prepared: Prepared) -> str:
    of = f" of {prepared.classes:,} classes" if prepared.classes else ""
    captions = f" with {prepared.captions:,} captions" if prepared.captions else ""
    state = "all of them there" if not prepared.missing else f"{prepared.missing:,} of them MISSING"
    return f"{prepared.dataset}: {prepared.clips:,} annotated clips{of}{captions}, {state}"


def _split_table(prepared: Prepared) -> Iterator[str]:
    from bench.data.datasets import CATALOGUE

    sources: dict[str, int] = {}
    splits = sorted({*prepared.splits, *CATALOGUE[prepared.dataset].official}, key=_split_order)
    yield f"  {'split':<8} {'annotated':>10} {'there':>10} {'missing':>10}   official count"
    for split in splits:
        count = prepared.splits.get(split)
        listed, present = (0, 0) if count is None else (count.listed, count.present)
        yield (
            f"  {split:<8} {listed:>10,} {present:>10,} {listed - present:>10,}   "
            f"{_official(prepared.dataset, split, listed, sources)}"
        )
    for source, number in sources.items():
        yield f"  [{number}] {source}"


def _split_order(split: str) -> tuple[int, str]:
    ranks = [rank for rank, name in enumerate(("train", "val", "test")) if split.startswith(name)]
    return (ranks[0] if ranks else len(split), split)


def _official(dataset: str, split: str, listed: int, sources: dict[str, int]) -> str:
    """The nearest official count, how far it is, and the number of its source."""
    from bench.data.official.official_counts import nearest_count

    nearest = nearest_count(dataset, split, listed)
    if nearest is None:
        return "none known"
    number = sources.setdefault(nearest.source, len(sources) + 1)
    gap = listed - nearest.clips
    how = "as many" if gap == 0 else f"{abs(gap):,} {'more' if gap > 0 else 'fewer'}"
    if not listed:
        how = "NOT IN THESE ANNOTATIONS"
    return f"{nearest.clips:,} [{number}]: {how}"


def _differences(prepared: Prepared, missing_file: Path) -> Iterator[str]:
    from bench.data.datasets import CATALOGUE

    wanted = CATALOGUE[prepared.dataset].classes or prepared.classes
    if prepared.classes < wanted:
        yield (
            f"only {prepared.classes} of {wanted} classes are in these annotations; lists that are "
            "made from them hold no others"
        )
    if prepared.off_size:
        yield from _off_size(prepared, missing_file.with_name(f"{prepared.dataset}.json"))
    if prepared.missing:
        yield from _missing(prepared, missing_file)
    for kind, words in _WORDS.items():
        difference = prepared.differences.get(kind)
        if difference is not None:
            more = ", …" if difference.count > len(difference.examples) else ""
            named = f" ({', '.join(difference.examples)}{more})" if difference.examples else ""
            yield f"{words}: {difference.count:,}{named}"


def _off_size(prepared: Prepared, description: Path) -> Iterator[str]:
    from bench.data.datasets import CATALOGUE

    official = CATALOGUE[prepared.dataset].clips_per_class
    gaps = {
        name: sum(abs(official[split] - clips) for split, clips in splits.items())
        for name, splits in prepared.off_size.items()
    }
    worst = sorted(gaps, key=lambda name: (-gaps[name], name))
    yield (
        f"annotated otherwise than officially: {len(worst):,} of {prepared.classes:,} classes "
        "(a split file missing, cut off, or of another version?)"
    )
    width = max(map(len, worst[:_WORST]))
    for name in worst[:_WORST]:
        listed = ", ".join(
            f"{split} {clips} of {official[split]}"
            for split, clips in sorted(prepared.off_size[name].items())
        )
        yield f"  {name:<{width}}  {listed}"
    if len(worst) > _WORST:
        yield f"  … and {len(worst) - _WORST:,} more classes: 'off_size' in {description}"


def _missing(prepared: Prepared, missing_file: Path) -> Iterator[str]:
    share = 100 * prepared.missing / prepared.clips
    short = sorted(prepared.by_class.items(), key=lambda item: item[1].present / item[1].listed - 1)
    where = f" in {len(short):,} of {prepared.classes:,} classes" if prepared.classes else ""
    noun = "clip" if prepared.missing == 1 else "clips"
    yield f"missing: {prepared.missing:,} {noun} ({share:.2f} %){where}"
    if prepared.classes:
        width = max(len(name) for name, _ in short[:_WORST])
        for name, count in short[:_WORST]:
            lost = count.listed - count.present
            note = "  none there" if count.present == 0 else ""
            yield f"  {name:<{width}}  {lost:>6,} of {count.listed:,}{note}"
        if len(short) > _WORST:
            yield f"  … and {len(short) - _WORST:,} more classes"
    yield f"  every missing clip: {missing_file}"


def _lists(prepared: Prepared) -> Iterator[str]:
    from bench.data.datasets import CATALOGUE
    from bench.data.official.released import released_paths

    if CATALOGUE[prepared.dataset].released is None:
        return
    if prepared.released is None:
        yield "released lists: none named (--released DIR); lists are made by rule, marked as ours"
        return
    named = [
        file
        for paths in released_paths(prepared.dataset, prepared.released)
        for file in paths.values()
    ]
    lost = [file for file in named if not Path(file).is_file()]
    yield f"released lists: {len(named) - len(lost)} of {len(named)} files in {prepared.released}"
    for file in lost:
        yield f"  NOT THERE: {file}"


def _next_steps(prepared: Prepared, data: Path) -> Iterator[str]:
    from bench.commands.data import COMMANDS
    from bench.data.official.prepared import data_folder

    name = prepared.dataset
    steps: list[tuple[str, str]] = []
    if data.absolute() != data_folder().absolute():
        steps.append((f"export BENCH_DATA={data.absolute()}", "configurations look there"))
    if prepared.missing:
        again = f"bench data prepare {name}"
        steps.append((again, "again, when you have got what is missing; or set a policy for a run"))
    steps.append((f"bench data list {name}", "which lists there are, and where they are from"))
    checks = {"audit": "do labels, names and splits agree", "check": "does every video decode"}
    steps += [
        (f"bench data {verb} {name}", what) for verb, what in checks.items() if verb in COMMANDS
    ]
    if name in _planned():
        steps.append((f"bench plan --config paper --dataset {name}", "what would be run"))
    width = max(len(step) for step, _ in steps)
    for number, (step, what) in enumerate(steps):
        yield f"{'next:' if number == 0 else '':<6}{step:<{width}}  # {what}"


def _planned() -> frozenset[str]:
    """Datasets that a setting uses."""
    from bench.data.datasets import CATALOGUE

    return frozenset(name for name, spec in CATALOGUE.items() if spec.settings)
