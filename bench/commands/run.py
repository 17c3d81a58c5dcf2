"""``bench run``: plan, run, report."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from bench.commands import launcher_flags, matrix_flags
from bench.commands.flag_values import seconds
from bench.ground.errors import BenchError, DataError, UsageError

if TYPE_CHECKING:
    from bench.planning.plan import Plan
    from bench.running.scheduler import RunOutcome
    from results.run.store import RunStore

INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    matrix_flags.add_matrix_flags(parser)
    launcher_flags.add_launcher_flag(parser)
    parser.add_argument(
        "--rerun",
        default="failed",
        choices=("failed", "missing", "always", "never"),
        help="failed: what is missing and what failed (default); missing: leave failures as they "
        "are; always: everything selected; never: only report",
    )
    parser.add_argument("--dry-run", action="store_true", help="the same as: bench plan")
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", help="give a job up after S seconds"
    )
    parser.add_argument(
        "--stall", type=seconds, metavar="S", help="give a job up after S seconds without progress"
    )
    parser.add_argument("--plain", action="store_true", help="lines instead of the live display")


def add_late_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Declare the flags that depend on others: those of the chosen launcher."""
    launcher_flags.add_options(parser, args)


def run(args: argparse.Namespace) -> int:
    """Run what was selected and report what is there."""
    from bench.planning.plan import make_plan
    from results.run.store import RunStore

    chosen = matrix_flags.selection(args)
    if chosen.everything and not args.all and not args.dry_run:
        _refuse_unsaid(args)
    config = matrix_flags.configuration(args)
    plan = make_plan(config, chosen, command=command_line())
    store = RunStore(matrix_flags.run_folder(args, config).absolute())
    if args.dry_run:
        from bench.commands.plan import show

        show(plan, store, args.rerun, as_json=False)
        return 0
    return carry_out(plan, store, args)


def carry_out(plan: Plan, store: RunStore, args: argparse.Namespace) -> int:
    """Run a plan's jobs in a run folder and report what is there; gives the exit code."""
    with store.only_scheduler():
        _keep_plan(plan, store, whole=args.all)
        outcome = _execute(plan, store, args)
        return _conclude(plan, store, outcome)


def _refuse_unsaid(args: argparse.Namespace) -> None:
    config = matrix_flags.configuration(args)
    parts = [
        f"{name}: {len(setting.datasets)} datasets x {len(config.rows(name))} methods"
        for name, setting in config.settings.items()
    ]
    given = f" --config {args.config}" if args.config else ""
    raise UsageError(
        f"say what to run of configuration '{config.name}'",
        got="neither --all nor a part",
        allowed="\n           ".join(parts),
        next_step=f"bench run --all{given}; or a part: --table N, --setting S, --dataset D, "
        "--method M",
    )


def command_line() -> str:
    """What was typed, quoted for a shell."""
    return shlex.join(["bench", *sys.argv[1:]])


def _keep_plan(plan: Plan, store: RunStore, *, whole: bool) -> None:
    """Write plan.json; a part of the matrix is added to what the run folder already has."""
    from bench.planning.plan_header import merged

    file = plan.file
    if not whole and store.has_plan():
        before = store.plan()
        if (before.name, before.backbone) == (file.name, file.backbone):
            file = merged(before, file)
    store.write_plan(file)


def _execute(plan: Plan, store: RunStore, args: argparse.Namespace) -> RunOutcome:
    from bench.running.progress import display
    from bench.running.scheduler import AttemptLimits, Scheduler

    launcher = launcher_flags.create(args)
    asked = _StopOnSignal()
    with asked, display(plan, plain=args.plain) as listener:
        scheduler = Scheduler(
            plan,
            store,
            launcher,
            listener,
            launcher_name=args.launcher,
            rerun=args.rerun,
            limits=AttemptLimits(args.timeout, args.stall),
            stop_requested=lambda: asked.received,
        )
        todo = scheduler.to_run
        if plan.needs and not todo and len(plan.needs) == len(plan.jobs):
            launcher.close()
            raise _nothing_there(plan)
        if todo:
            listener.note(
                f"{len(todo)} of {len(plan.jobs)} jobs to run, {launcher.describe()}; "
                f"results in {_short(store.folder)}"
            )
            launcher.prepare()
        return scheduler.run()


def _nothing_there(plan: Plan) -> DataError:
    needs = list(dict.fromkeys(need for several in plan.needs.values() for need in several))
    return DataError(
        "no job can run: "
        + ("one thing is" if len(needs) == 1 else f"{len(needs)} things are")
        + " missing",
        got="\n           ".join(needs),
        next_step="put them there and run the same command again; bench plan lists every job",
    )


class _StopOnSignal:
    """Notes Ctrl-C, SIGTERM and SIGHUP instead of dying of them."""

    def __init__(self) -> None:
        self.received = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> _StopOnSignal:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = True
        print("\nstopping: running jobs save their state (Ctrl-C again: at once)", file=sys.stderr)


def _conclude(plan: Plan, store: RunStore, outcome: RunOutcome) -> int:
    """Say what came of it, write the report, choose the exit code."""
    from bench.planning.jobs import job_name

    print(
        f"{plan.file.name}: {len(outcome.done)} jobs done in {outcome.seconds:.1f} s, "
        f"{outcome.cached} were there, {len(outcome.failed)} failed"
    )
    for key, line in outcome.failed.items():
        print(f"  failed: {job_name(plan.jobs[key])}: {line}")
        if not line.startswith(("parent:", "data:")):
            print(f"          bench logs {key[:8]} --run {_short(store.folder)}")
    problem = _report(store.folder)
    if outcome.stopped:
        why = f" ({outcome.halted})" if outcome.halted else ""
        print(f"stopped{why}; nothing is lost. Go on with: {command_line()}")
        return 1 if outcome.halted else INTERRUPTED
    return 1 if outcome.failed or problem else 0


def _report(folder: Path) -> bool:
    """Write the report of what is there; True if that did not work."""
    from reports.render import write_report

    try:
        written = write_report([folder], folder / "report")
    except BenchError as error:
        print(f"bench: the report could not be written: {error}", file=sys.stderr)
        return True
    print(f"leaderboard: {_short(written[0])}")
    return False


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
