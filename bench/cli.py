"""The command line: parses and calls, nothing else. Only the chosen verb's file is imported."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from bench.ground.errors import BenchError, nearest

VERBS = {
    "run": "plan, run and report (without --config: the mini world)",
    "plan": "what would be run, what is cached, and why; nothing is run",
    "status": "how far a run is, also from another terminal while it runs",
    "why": "everything that led to one number",
    "logs": "what a job wrote",
    "report": "tables and figures from what is there",
    "compare": "two methods of a run on the clips that both have scored",
    "methods": "the adapters there are",
    "settings": "the experimental protocols there are",
    "datasets": "the datasets there are, and where they lie",
    "launchers": "where jobs can run",
    "parity": "the adapters against what their authors' code computes",
    "speed": "parameters, operations, throughput and memory of the methods",
    "eval": "score released weights without training, in any setting on any dataset",
    "predict": "own videos, own class names: what a method makes of them",
    "checkpoint": "what a checkpoint file is; nothing in it is executed",
    "new-method": "write the start of an adapter, with its test",
    "check-method": "does an adapter, a plug-in's included, keep the contract",
    "data": "prepare, check and look at data",
    "doctor": "is this machine ready, and if not, what mends it",
}
HIDDEN = ("run-job",)
INTERRUPTED = 130


LateArguments = Callable[[argparse.ArgumentParser, argparse.Namespace], None]


class Verb(Protocol):
    """What a file in ``bench/commands`` has; ``add_late_arguments`` is optional."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; gives the exit code."""
        ...


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints name the nearest thing that exists."""

    def error(self, message: str) -> NoReturn:
        """Print the complaint in the project's form and exit with 2."""
        print(f"{self.prog}: {message}\n  next:    {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)

    def parse_all(self, argv: Sequence[str], add_late: LateArguments | None) -> argparse.Namespace:
        """Parse ``argv``; what is left over is an error that suggests the nearest flag.

        Args:
            argv: What was typed after the verb.
            add_late: Declares flags that depend on the others, which are parsed first for it.
        """
        if add_late is not None:
            first = [word for word in argv if word not in ("-h", "--help")]
            add_late(self, self.parse_known_args(first)[0])
        parsed, unknown = self.parse_known_args(argv)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            guess = nearest(unknown[0].split("=")[0], flags)
            hint = f"; did you mean '{guess}'?" if guess else ""
            self.error(f"unknown argument '{unknown[0]}'{hint}")
        return parsed


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the console script ``bench``.

    Returns:
        0: well; 1: something failed; 2: the command line or configuration is wrong; 130: stopped.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except BenchError as error:
        if os.environ.get("BENCH_DEBUG") == "1":
            traceback.print_exc()
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nbench: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if arguments[:1] == ["run"] else 0


def _dispatch(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else None
    if verb is None or verb in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if verb == "--version":
        from importlib.metadata import version

        print(f"bench {version('clip-video-bench')}")
        return 0
    if verb not in VERBS and verb not in HIDDEN:
        guess = nearest(verb, VERBS)
        hint = f"; did you mean '{guess}'?" if guess else ""
        print(f"bench: unknown command '{verb}'{hint}", file=sys.stderr)
        print(f"  allowed: {', '.join(VERBS)}\n  next:    bench --help", file=sys.stderr)
        return 2
    module: Verb = importlib.import_module(f"bench.commands.{verb.replace('-', '_')}")
    parser = Parser(prog=f"bench {verb}", description=VERBS.get(verb), allow_abbrev=False)
    module.add_arguments(parser)
    late = getattr(module, "add_late_arguments", None)
    return module.run(parser.parse_all(arguments[1:], late))


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in VERBS.items()]
    return "\n".join(
        [
            "usage: bench COMMAND [options]",
            "",
            "Compares ways of adapting CLIP to video under one protocol.",
            "",
            *lines,
            "",
            "bench COMMAND --help     the options of a command",
            "bench --version          the version",
            "BENCH_DEBUG=1            show the traceback of an error",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
