from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.cli import main
from bench.ground.errors import DataError
from bench.upkeep.checking.check import check
from bench.upkeep.checking.inspection import InspectTask, inspect_clip
from bench.upkeep.checking.report import CheckReport, report_text
from bench.upkeep.checking.sweep import SweepOptions
from bench.upkeep.checking.targets import annotated_seconds, folder_target
from bench.upkeep.checking.verdict import Inspection
from bench.upkeep.checking.verdict_cache import FileState, Limits, VerdictCache, verdict_file
from benchmarks.damage import damaged_files
from tests.bench.data.video_files import write_video

QUICK = SweepOptions(jobs=2, limits=Limits(3.0, 1 << 30))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number, suffix in enumerate([".mp4", ".avi", ".webm"] * 2):
        write_video(folder / f"clip {number}#[é];{suffix}")
    return folder


def copied(videos: Path, folder: Path) -> Path:
    shutil.copytree(videos, folder)
    return folder


def reasons(report: CheckReport) -> dict[str, str]:
    return {item.clip.id: item.verdict.reason for item in report.findings}


def misbehave(task: InspectTask) -> Inspection:
    """The real inspection, with a decoder that hangs at one clip, dies at one, swells at one."""
    if task.path.name.startswith("hangs"):
        time.sleep(600)
    if task.path.name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGABRT)
    if task.path.name.startswith("swells"):
        hoard = b"\1" * (600 << 20)
        time.sleep(600)
        return Inspection(detail=str(len(hoard)))
    if task.path.name.startswith("changes"):
        seen = inspect_clip(task)
        task.path.write_bytes(task.path.read_bytes() + b"more")
        return seen
    return inspect_clip(task)


def test_decoders_that_hang_die_and_swell_are_named_and_the_rest_is_checked(
    videos: Path, tmp_path: Path
) -> None:
    folder = copied(videos, tmp_path / "videos")
    for name in ("hangs.mp4", "dies.avi", "swells.webm", "changes.mp4"):
        source = next(videos.glob(f"*{Path(name).suffix}"))
        shutil.copyfile(source, folder / name)
    options = SweepOptions(jobs=2, limits=Limits(3.0, 300 << 20))
    report = check(folder_target(folder), tmp_path / "cache", options, inspect=misbehave)
    assert reasons(report) == {
        "changes.mp4": "changed",
        "dies.avi": "crashed",
        "hangs.mp4": "timeout",
        "swells.webm": "memory",
    }
    # A timeout and too much memory hold for the same limits, or smaller ones, only.
    again = check(folder_target(folder), tmp_path / "cache", options)
    assert (again.known, reasons(again).keys()) == (9, {"dies.avi", "hangs.mp4", "swells.webm"})
    longer = SweepOptions(jobs=2, limits=Limits(4.0, 400 << 20))
    more = check(folder_target(folder), tmp_path / "cache", longer)
    assert (more.decoded, reasons(more).keys()) == (2, {"dies.avi"})


def test_what_is_known_is_not_decoded_again(videos: Path, tmp_path: Path) -> None:
    folder = copied(videos, tmp_path / "videos")
    cache = tmp_path / "cache"
    first = check(folder_target(folder), cache, QUICK)
    assert (first.decoded, first.known, first.findings) == (6, 0, ())
    one, other = sorted(folder.iterdir())[:2]
    one.write_bytes(one.read_bytes()[:500])
    os.utime(other, ns=(1, 1))
    second = check(folder_target(folder), cache, QUICK)
    assert (second.decoded, second.known) == (2, 4)
    assert reasons(second) == {one.name: "truncated"}
    every = SweepOptions(depth="all", jobs=2, limits=QUICK.limits)
    third = check(folder_target(folder), cache, every)
    assert (third.decoded, third.known) == (6, 0)
    # Who has seen every frame has seen the ends.
    fourth = check(folder_target(folder), cache, QUICK)
    assert (fourth.decoded, reasons(fourth)) == (0, {one.name: "truncated"})
    forced = SweepOptions(jobs=2, limits=QUICK.limits, again=True)
    assert check(folder_target(folder), cache, forced).decoded == 6


def test_torn_and_foreign_lines_are_checked_again(videos: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    check(folder_target(videos), cache, QUICK)
    file = verdict_file(cache, videos)
    lines = file.read_bytes().splitlines(keepends=True)
    other_decoder = json.loads(lines[1]) | {"decoders": {"decord": "0", "av": "0"}}
    changed = [lines[0], json.dumps(other_decoder).encode() + b"\n", *lines[2:-1], lines[-1][:40]]
    file.write_bytes(b"".join(changed))
    report = check(folder_target(videos), cache, QUICK)
    assert (report.decoded, report.known) == (2, 4)
    assert check(folder_target(videos), cache, QUICK).known == 6


STOPPED = """
import sys, time
from pathlib import Path
from bench.upkeep.checking import check
from bench.upkeep.checking import sweep
from bench.upkeep.checking import targets
from bench.upkeep.checking.inspection import inspect_clip

def slowly(task):
    time.sleep(0.2)
    return inspect_clip(task)

if __name__ == "__main__":
    target = targets.folder_target(Path(sys.argv[1]))
    check.check(target, Path(sys.argv[2]), sweep.SweepOptions(jobs=1), inspect=slowly)
"""


def test_a_killed_check_goes_on_where_it_was(videos: Path, tmp_path: Path) -> None:
    script, cache = tmp_path / "stopped.py", tmp_path / "cache"
    script.write_text(STOPPED)
    process = subprocess.Popen([sys.executable, str(script), str(videos), str(cache)])
    file = verdict_file(cache, videos)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (file.is_file() and file.read_bytes().count(b"\n")):
        time.sleep(0.02)
    process.kill()
    process.wait()
    report = check(folder_target(videos), cache, QUICK)
    assert report.known >= 1
    assert report.known + report.decoded == 6
    assert report.findings == ()


def test_damaged_files_leave_reasons_and_no_crash(tmp_path: Path) -> None:
    """A sample of ``benchmarks/damaged_files.py``."""
    files = damaged_files(tmp_path, 54)
    options = SweepOptions(depth="all", jobs=2, limits=Limits(20.0, 1 << 30))
    report = check(folder_target(tmp_path / "damaged"), tmp_path / "cache", options)
    assert len(report.target.clips) == len(files) == 54
    found = reasons(report)
    for file in files:
        if file.kind in {"empty", "text", "archive", "cut", "noise"}:
            assert file.name in found, file
    assert set(found.values()) >= {"truncated", "empty", "not_video", "decode_failed"}
    # Some decoder of some version may die at one of them; it dies alone, and is named.
    assert {"timeout", "memory"}.isdisjoint(found.values())


def test_links_in_loops_and_unfinished_downloads(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "deeper").symlink_to(folder)
    (folder / "one.mp4").symlink_to(folder / "two.mp4")
    (folder / "two.mp4").symlink_to(folder / "one.mp4")
    (folder / "linked.mp4").symlink_to(next(videos.glob("*.mp4")))
    (folder / "half.mp4.part").write_bytes(b"half")
    report = check(folder_target(folder), tmp_path / "cache", QUICK)
    assert reasons(report) == {
        "half.mp4.part": "unfinished",
        "one.mp4": "missing",
        "two.mp4": "missing",
    }
    assert len(report.target.clips) == 4
    assert report_text(report) == (
        "videos: 4 clips, 1 well, 3 bad, 0 suspect\n"
        f"  first, middle and last frame; 1 decoded now ({1 / report.seconds:.1f} clips/s)\n\n"
        "  bad      missing           2  there is no such file\n"
        "  bad      unfinished        1  a download of it has not finished\n\n"
        "  half.mp4.part: unfinished\n"
        "  one.mp4: missing (a link that leads nowhere, or in a circle)\n"
        "  two.mp4: missing (a link that leads nowhere, or in a circle)"
    )


def test_a_folder_without_videos(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        folder_target(tmp_path)
    assert str(caught.value) == (
        f"there is no video in the folder\n  got:     {tmp_path}\n"
        "  allowed: files that end in .avi, .m4v, .mkv, .mov, .mp4, .webm"
    )


@pytest.mark.parametrize(
    ("stem", "seconds"),
    [
        ("-kahgmRD-4g_000004_000014", 10.0),
        ("a_b_c_d_e_f_000100_000107", 7.0),
        ("_bcdefghijk_4_14", 10.0),
        ("abcdefghijk_000014_000004", None),
        ("v_Archery_g01_c01", None),
    ],
)
def test_seconds_that_kinetics_names_tell(stem: str, seconds: float | None) -> None:
    assert annotated_seconds(stem) == seconds


def test_the_command_on_a_folder(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(videos, tmp_path / "videos")
    short = folder / "abcdefghijk_000000_000010.mp4"
    shutil.copyfile(next(videos.glob("*.mp4")), short)
    cache, out = tmp_path / "cache", tmp_path / "out"
    flags = ["--cache", str(cache), "--out", str(out), "--jobs", "2"]
    assert main(["data", "check", str(folder), *flags]) == 0
    said = capsys.readouterr().out
    assert "videos: 7 clips, 6 well, 0 bad, 1 suspect\n" in said
    assert "\n  abcdefghijk_000000_000010.mp4: shorter_than_annotated (2.0 of 10 s)\n" in said
    assert (out / "bad.txt").read_text() == ""
    (folder / "tab\there.mp4").write_bytes(b"")
    assert main(["data", "check", str(folder), *flags, "--json"]) == 1
    tree = json.loads(capsys.readouterr().out)
    assert tree == json.loads((out / "check.json").read_bytes())
    assert (tree["clips"], tree["well"], tree["bad"], tree["suspect"]) == (8, 6, 1, 1)
    assert tree["reasons"] == {"empty": 1, "shorter_than_annotated": 1}
    assert (out / "bad.txt").read_text() == "tab\there.mp4\tempty\t\n"


def test_the_command_on_a_list(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in videos.iterdir())
    listed = tmp_path / "val.txt"
    listed.write_text("".join(f"{name} {n % 2}\n" for n, name in enumerate([*names, "gone.mp4"])))
    assert main(["data", "check", str(listed)]) == 2
    assert capsys.readouterr().err == (
        "bench: where the videos of val.txt lie is not said\n"
        "  next:    bench data check LIST --root DIR\n"
    )
    flags = ["--root", str(videos), "--cache", str(tmp_path / "cache")]
    assert main(["data", "check", str(listed), *flags]) == 1
    out = capsys.readouterr().out
    assert "val: 7 clips, 6 well, 1 bad, 0 suspect\n" in out
    assert "\n  val  1 bad, 0 suspect of 7\n" in out
    assert "\n  gone.mp4: missing\n" in out
    listed.write_text("../secret.mp4 0\n")
    assert main(["data", "check", str(listed), *flags]) == 1
    assert capsys.readouterr().err == (
        "bench: val.txt, line 1: the path leaves the folder of the videos\n"
        "  got:     ../secret.mp4\n  allowed: a path relative to 'root' without '..'\n"
    )


def test_names_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "hmdb15"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: there is no dataset, folder or list 'hmdb15'; did you mean 'hmdb51'?\n"
        "  allowed: a folder, a list file, or one of: hmdb51, "
    )


def test_states_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert FileState.of(path) is None
    path.write_bytes(b"12345")
    os.utime(path, ns=(7, 7))
    assert FileState.of(path) == FileState(5, 7)
    cache = VerdictCache(tmp_path / "v.jsonl")
    cache.add(path, FileState(5, 7), "ends", QUICK.limits, Inspection(frames=9))
    cache.close()
    kept = VerdictCache(tmp_path / "v.jsonl")
    assert kept.find(path, FileState(5, 7), "ends", QUICK.limits) == Inspection(frames=9)
    assert kept.find(path, FileState(5, 8), "ends", QUICK.limits) is None
    assert kept.find(path, FileState(5, 7), "all", QUICK.limits) is None
