"""A benchmark that runs in seconds: three classes of coloured squares and the mini CLIP."""

from __future__ import annotations

import contextlib
import csv
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.cli import main
from bench.data.mini_world.encode import write_video
from bench.ground.extensions import plugins_forgotten
from bench.planning.load_config import CONFIGS
from results.run.layout import REPORT

CLASSES = ("a red square", "a green square", "a blue square")

_CONFIG = """\
_base_ = ["{base}"]

name = "tiny"
cache = "{folder}/cache"
plugins = {plugins}
datasets = {{
    "_delete_": True,
    "squares": dict(title="Squares", root="{folder}/squares", format="folders"),
}}
_squares = dict(datasets=["squares"])
settings = {{
    "_delete_": True,
    "few-shot": dict(**_squares, options=dict(source="squares", shots=[2])),
    "fully-supervised": dict(**_squares, options=dict(source="squares")),
}}
recipes = dict(tiny=dict(values=dict(epochs=1, warmup_epochs=0, micro_batch=2), source="a test"))
"""


@dataclass(frozen=True)
class CommandResult:
    """What one call of ``bench`` gave.

    Attributes:
        exit_code: 0 on success, 1 after a failure, 2 for a mistake of the user.
        output: What it printed.
        errors: What it printed to standard error.
    """

    exit_code: int
    output: str
    errors: str


@dataclass(frozen=True)
class TinyBenchmark:
    """A folder with videos, a configuration and plug-ins.

    Attributes:
        folder: Everything is in it; nothing else is written to.
        config: The configuration file: dataset ``squares`` in the settings few-shot (2 shots) and
            fully-supervised.
        plugins: Plug-in file name -> where it lies.
    """

    folder: Path
    config: Path
    plugins: Mapping[str, Path]

    @property
    def run_folder(self) -> Path:
        """Where ``run`` puts its results."""
        return self.folder / "run"

    def cli(self, *arguments: str | Path) -> CommandResult:
        """Call ``bench`` in this process, as typed."""
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                exit_code = main([str(argument) for argument in arguments])
            except SystemExit as end:
                exit_code = end.code if isinstance(end.code, int) else 1
        return CommandResult(exit_code, output.getvalue(), errors.getvalue())

    def plan(self, *arguments: str | Path) -> CommandResult:
        """``bench plan`` with this configuration."""
        return self.cli("plan", "--config", self.config, "--out", self.run_folder, *arguments)

    def run(self, *arguments: str | Path) -> CommandResult:
        """``bench run`` with this configuration; its jobs are processes of their own."""
        return self.cli("run", "--config", self.config, "--out", self.run_folder, *arguments)

    def numbers(self) -> list[dict[str, str]]:
        """The rows of the run's ``results.csv``: one row per number."""
        table = (self.run_folder / REPORT / "results.csv").read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(table)))


@contextlib.contextmanager
def tiny_benchmark(
    *,
    plugins: Mapping[str, str] | None = None,
    config: str = "",
    clips_per_class: int = 4,
    folder: Path | None = None,
) -> Iterator[TinyBenchmark]:
    """Make a tiny benchmark; its temporary folder and its plug-ins are gone at the end.

    Args:
        plugins: File name -> source of a plug-in that the configuration names.
        config: Python text put at the end of the configuration.
        clips_per_class: Videos of each class, 2 at least.
        folder: Where to make it instead of in a temporary folder; it stays.

    Example:
        >>> with tiny_benchmark() as bench:
        ...     outcome = bench.plan("--method", "vanilla-clip")
        >>> outcome.exit_code
        0
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(plugins_forgotten())
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        _write_clips(folder / "squares", clips_per_class)
        files = {name: folder / name for name in plugins or {}}
        for name, source in (plugins or {}).items():
            files[name].write_text(source, encoding="utf-8")
        path = folder / "tiny.py"
        path.write_text(
            _CONFIG.format(
                base=CONFIGS / "mini.py", folder=folder, plugins=[str(p) for p in files.values()]
            )
            + config,
            encoding="utf-8",
        )
        yield TinyBenchmark(folder=folder, config=path, plugins=files)


def _write_clips(root: Path, clips_per_class: int) -> None:
    random = np.random.RandomState(0)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(clips_per_class):
            frames = random.randint(0, 60, (6, 40, 48, 3), dtype=np.uint8)
            frames[:, 8:32, 8:32, label] += 150
            write_video(root / name / f"{number}{('.mp4', '.avi')[number % 2]}", frames)
