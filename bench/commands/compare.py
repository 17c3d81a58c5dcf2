"""``bench compare RUN --methods A B``: two methods on the clips that both have scored."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.ground.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from results.numbers.aggregate import Board, Cell
    from results.numbers.common_subset import CommonSubset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="run folder (default: the latest)")
    parser.add_argument(
        "--methods",
        nargs=2,
        required=True,
        metavar=("A", "B"),
        help="rows to compare, clip by clip, wherever both have a number",
    )
    parser.add_argument("--setting", metavar="NAME", help="only this setting")
    parser.add_argument("--dataset", metavar="NAME", help="only this dataset")


def run(args: argparse.Namespace) -> int:
    """Print a line a number: both methods, their difference, and the clips it rests on."""
    from bench.running.job_views import find_run
    from results.numbers.aggregate import load_board
    from results.numbers.common_subset import compare_on_common

    store = find_run(args.run, "bench compare RUN")
    board = load_board([store.folder])
    _check(board, args)
    left, right = args.methods
    print(f"{left} against {right}, on the clips that both have scored (95 % intervals)")
    missing: list[str] = []
    shown = 0
    for ours, theirs in _cells(board, args):
        for metric in ours.estimates:
            if metric not in theirs.estimates or metric not in ("top1", "top5", "hm"):
                continue
            found = compare_on_common(ours, theirs, metric)
            if found is None:
                missing.append(f"{_place(board, ours)} {metric}")
            else:
                shown += 1
                print(f"  {_place(board, ours)} {_line(found)}")
    for place in missing:
        print(f"  {place}: no common clip with scores that were kept")
    if not shown and not missing:
        print("  they have no number in common")
    return 0


def _check(board: Board, args: argparse.Namespace) -> None:
    for row in args.methods:
        if row not in board.rows:
            raise unknown_name("method of the run", row, board.rows)
    if args.methods[0] == args.methods[1]:
        raise UsageError("a method is not compared with itself", got=" ".join(args.methods))
    for kind, name, known in (
        ("setting of the run", args.setting, board.settings),
        ("dataset of the run", args.dataset, board.datasets),
    ):
        if name is not None and name not in known:
            raise unknown_name(kind, name, known)


def _cells(board: Board, args: argparse.Namespace) -> list[tuple[Cell, Cell]]:
    """The cells of one column that both rows have."""
    left, right = args.methods
    pairs = []
    for key, cell in board.cells.items():
        other = board.cells.get(replace(key, row=right))
        asked = args.setting in (None, key.setting) and args.dataset in (None, key.dataset)
        if key.row == left and asked and other is not None:
            pairs.append((cell, other))
    return pairs


def _place(board: Board, cell: Cell) -> str:
    key = cell.key
    parts = [f"{key.dataset}/{key.setting}"]
    if board.settings[key.setting].column_per_shots:
        parts.append(f"{key.shots}-shot")
    if key.split in ("base", "novel"):
        parts.append(key.split)
    return " ".join(parts)


def _line(found: CommonSubset) -> str:
    gap = found.difference
    verdict = "a tie" if gap.tie else "ahead" if gap.value > 0 else "behind"
    text = (
        f"{found.metric}: {found.left:.2f} against {found.right:.2f}, "
        f"{gap.value:+.2f} ± {gap.half_width:.2f} ({verdict}), on {found.clips} clips"
    )
    only = [
        f"{count} only by the {which}"
        for count, which in ((found.only_left, "first"), (found.only_right, "second"))
        if count
    ]
    return text + (f"; besides, scored {', '.join(only)}" if only else "")
