from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.data.mini_world import generate
from bench.data.mini_world.annotations import DatasetPlan, PlannedClip, plans
from bench.data.mini_world.scenes import Look
from bench.data.video.decode import open_video
from bench.ground.errors import DataError

TINY = DatasetPlan(
    "mini-tiny",
    tuple(
        PlannedClip(f"a/{n}{suffix}", Look("red", "star"), "bouncing", 12, n)
        for n in range(2)
        for suffix in (".mp4", ".avi", ".webm")
    ),
    {"list.txt": "a/0.mp4 0\n"},
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of making files do not depend on which files they are."""
    monkeypatch.setattr(generate, "plans", lambda: (TINY,))


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.name)
def test_every_planned_clip_is_there_and_decodes(world: Path, plan: DatasetPlan) -> None:
    videos = world / plan.name / "videos"
    found = {p.relative_to(videos).as_posix() for p in videos.rglob("*.*")}
    assert found == {clip.file for clip in plan.clips}
    for clip in plan.clips[::15]:
        video = open_video(videos / clip.file)
        assert len(video) == clip.frames
        assert video.get_frames([0, clip.frames - 1]).shape == (2, 48, 64, 3)
        assert video.decoder == "decord"


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.name)
def test_a_clip_made_again_has_the_same_bytes(
    world: Path, plan: DatasetPlan, tmp_path: Path
) -> None:
    for clip in plan.clips[3::40]:
        again = tmp_path / f"again{Path(clip.file).suffix}"
        generate.make_clip(clip, again)
        assert again.read_bytes() == (world / plan.name / "videos" / clip.file).read_bytes()


def test_the_world_is_small(world: Path) -> None:
    assert sum(p.stat().st_size for p in world.rglob("*.*") if p.is_file()) < 40e6


def test_a_second_call_only_looks(world: Path, cache: Path) -> None:
    begun = time.perf_counter()
    assert generate.ensure(cache) == world
    assert time.perf_counter() - begun < 0.1


@pytest.mark.usefixtures("tiny")
def test_what_a_killed_call_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / f".{generate.FOLDER}-killed" / "mini-tiny" / "videos"
    left.mkdir(parents=True)
    folder = generate.ensure(tmp_path)
    assert not left.exists()
    assert sorted(p.name for p in (folder / "mini-tiny" / "videos" / "a").iterdir()) == [
        "0.avi",
        "0.mp4",
        "0.webm",
        "1.avi",
        "1.mp4",
        "1.webm",
    ]
    assert (folder / "mini-tiny" / "annotations" / "list.txt").read_text() == "a/0.mp4 0\n"


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_call_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | OSError
) -> None:
    def fail(path: Path, frames: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(generate, "write_video", fail)
        with pytest.raises((KeyboardInterrupt, DataError)) as caught:
            generate.ensure(tmp_path)
    if isinstance(caught.value, DataError):
        assert str(caught.value) == (
            "the mini world cannot be written\n"
            f"  got:     No space left on device ({tmp_path})\n"
            "  allowed: a folder that can be written, with 40 MB free\n"
            "  next:    free space there, or name another folder as `cache` in the configuration"
        )
    assert [p.name for p in tmp_path.iterdir()] == [f".{generate.FOLDER}.lock"]
    assert generate.ensure(tmp_path).is_dir()


@pytest.mark.usefixtures("tiny")
def test_a_cache_that_is_no_folder_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "cache"
    file.write_text("")
    with pytest.raises(DataError, match="the mini world cannot be written\n  got:     File exists"):
        generate.ensure(file)
