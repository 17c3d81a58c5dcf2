"""``bench eval``: score released weights without training."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import settings
from bench.commands import matrix_flags
from bench.commands import run as run_command
from bench.ground.errors import DataError, UsageError

if TYPE_CHECKING:
    from bench.planning.config import RunConfig
    from bench.planning.plan import Plan
    from results.run.plan_file import PlannedTrial
    from results.run.store import RunStore

_NAMED = 24
"""Characters of the file's name that the run folder's name takes over."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags: those of ``bench run``, and what is scored."""
    run_command.add_arguments(parser)
    parser.add_argument(
        "--checkpoint", required=True, metavar="FILE", help="released weights of the method"
    )
    parser.add_argument(
        "--num-frames", type=int, metavar="T", help="frames a view (default: the configuration's)"
    )
    parser.add_argument(
        "--shots",
        type=int,
        metavar="K",
        help="the column, where a table has one per number of shots",
    )


add_late_arguments = run_command.add_late_arguments


def run(args: argparse.Namespace) -> int:
    """Score, print the numbers, write a run folder with its leaderboard."""
    from bench.planning.plan import make_plan
    from results.run.store import RunStore

    config = _configuration(args)
    plan = make_plan(config, matrix_flags.selection(args), command=run_command.command_line())
    if not plan.file.trials:
        (skipped, *_) = plan.file.skipped
        raise UsageError(
            f"{skipped.method} has no number in {skipped.setting} on {skipped.dataset}",
            got=skipped.reason,
        )
    store = RunStore(matrix_flags.run_folder(args, config).absolute())
    if args.dry_run:
        from bench.commands.plan import show

        show(plan, store, args.rerun, as_json=False)
        return 0
    code = run_command.carry_out(plan, store, args)
    _print_numbers(plan, store)
    return code


def _configuration(args: argparse.Namespace) -> RunConfig:
    """The configuration with one row that is scored from the file."""
    path = _checked(args)
    config = matrix_flags.configuration(args)
    (row,) = args.method
    chosen = config.methods.get(row)
    adapter = row if chosen is None else chosen.adapter
    changes: dict[str, Any] = {
        "name": f"eval-{row}-{_short(path)}",
        f"methods.{row}": {
            "adapter": adapter,
            **({} if chosen is None else chosen.model_dump(exclude=_ELSEWHERE)),
            "released": str(path),
        },
    }
    if args.num_frames is not None:
        values = {"num_frames": args.num_frames}
        changes["recipes.asked_for"] = {"values": values, "source": "--num-frames"}
    for setting in args.setting or config.settings:
        if not settings.get(setting).column_per_shots:
            continue
        if args.shots is None:
            raise UsageError(
                f"the {setting} table has a column for each number of shots; which one is it?",
                next_step="--shots K, or another --setting",
            )
        changes[f"settings.{setting}.options.shots"] = [args.shots]
    return matrix_flags.configuration(args, changes)


_ELSEWHERE = {"adapter", "released", "starts_from_released", "starts_from"}


def _checked(args: argparse.Namespace) -> Path:
    """The file.

    Raises:
        UsageError: Not exactly one method is named.
        DataError: There is no such file.
    """
    if len(args.method) != 1:
        raise UsageError(
            "a checkpoint belongs to one method",
            got=" ".join(f"--method {name}" for name in args.method) or "no --method",
            next_step="--method NAME; bench checkpoint FILE says which one it looks like",
        )
    path = Path(args.checkpoint).expanduser().absolute()
    if not path.is_file():
        raise DataError("no such checkpoint", got=args.checkpoint, next_step="check the path")
    return path


def _short(path: Path) -> str:
    """A name for the run folder that tells files apart: ``k400_vifi-1a2b3c4d``."""
    from bench.clip.weights import file_sha256

    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", path.stem)[:_NAMED].strip("-.")
    return f"{stem}-{file_sha256(path)[:8]}"


def _print_numbers(plan: Plan, store: RunStore) -> None:
    from results.run.records import EvaluationRecord

    reasons: dict[str, list[str]] = {}
    for trial in plan.file.trials:
        key = trial.evaluation
        record = store.record(key)
        if isinstance(record, EvaluationRecord):
            numbers = "  ".join(f"{name} {value:5.1f}" for name, value in record.metrics.items())
            print(f"{_place(trial)}  {numbers}  ({record.counts.scored} clips)")
        else:
            failure = store.failure(key)
            why = "not scored" if failure is None else failure.message
            reasons.setdefault(why, []).append(_place(trial))
    for why, places in reasons.items():
        print(f"no number for {', '.join(places)}:\n{why}")


def _place(trial: PlannedTrial) -> str:
    split = "" if trial.split == "-" else f" {trial.split}"
    return f"{trial.dataset}/{trial.setting}{split} {trial.clip_list}"
