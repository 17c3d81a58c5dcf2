from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from tests.reports.example_run import Example, write_example


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    write_example(folder, Example(methods=("vifi-clip", "vanilla-clip", "a5")))
    return str(folder)


def test_a_line_a_number_with_the_clips_it_rests_on(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--methods", "vifi-clip", "vanilla-clip", "--dataset", "mini-hmdb51"]
    assert main(["compare", run, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "vifi-clip against vanilla-clip, on the clips that both have scored (95 % intervals)"
    )
    places = [line.split(":")[0].strip() for line in lines[1:]]
    assert places == [
        "mini-hmdb51/zero-shot top1",
        "mini-hmdb51/zero-shot top5",
        "mini-hmdb51/base-to-novel base top1",
        "mini-hmdb51/base-to-novel base top5",
        "mini-hmdb51/base-to-novel novel top1",
        "mini-hmdb51/base-to-novel novel top5",
        "mini-hmdb51/base-to-novel hm",
        *(f"mini-hmdb51/few-shot {k}-shot {m}" for k in (2, 4, 8, 16) for m in ("top1", "top5")),
    ]
    assert all(" against " in line and " ± " in line for line in lines[1:])
    assert lines[1].endswith("on 216 clips")
    assert all("(ahead)" in line or "(a tie)" in line for line in lines[1:] if " top1" in line)


def test_scores_that_are_not_kept_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Example(methods=("vifi-clip", "a5"), settings=("fully-supervised",))
    plan = write_example(tmp_path, example)
    (tmp_path / "jobs" / plan.trials[0].evaluation / "scores.npz").unlink()
    assert main(["compare", str(tmp_path), "--methods", "vifi-clip", "a5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        f"  mini-kinetics400/fully-supervised {metric}: no common clip with scores that were kept"
        for metric in ("top1", "top5")
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--methods", "vifi-clp", "a5"],
            "bench: unknown method of the run 'vifi-clp'; did you mean 'vifi-clip'?",
        ),
        (["--methods", "a5", "a5"], "bench: a method is not compared with itself"),
        (
            ["--methods", "a5", "vifi-clip", "--dataset", "mini-hmdb"],
            "bench: unknown dataset of the run 'mini-hmdb'; did you mean 'mini-hmdb51'?",
        ),
    ],
)
def test_wrong_names_are_refused(
    run: str, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", run, *flags]) == 2
    assert capsys.readouterr().err.splitlines()[0] == message
