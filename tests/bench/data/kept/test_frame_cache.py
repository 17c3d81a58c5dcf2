from __future__ import annotations

import logging
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from bench.data.kept import limited_folder
from bench.data.kept.decoded_clips import DecodedClips
from bench.data.kept.frame_cache import CachedPipeline, fingerprint
from bench.data.pipelines import build
from bench.data.pipelines.base import ClipFrames, PipelineSpec
from bench.data.video.decode import DecodeError
from tests.bench.data.video_files import pad, write_video

SPEC = PipelineSpec("vificlip", "val", 4, 32)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4")


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")


def assert_equal(one: ClipFrames, other: ClipFrames) -> None:
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.frame_inds, other.frame_inds)
    assert one.decoder == other.decoder == "decord"


def test_cached_frames_equal_computed_ones(video: Path, tmp_path: Path) -> None:
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    made = build(SPEC)(video)
    for hits in (0, 1):
        assert_equal(cached(video), made)
        assert cached.hits == hits
    again = CachedPipeline(build(SPEC), tmp_path / "cache")
    assert_equal(again(video), made)
    assert again.hits == 1


def test_another_pipeline_or_another_file_is_another_entry(video: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    other = PipelineSpec("vificlip", "val", 4, 32, crops=3)
    assert fingerprint(SPEC) != fingerprint(other)
    CachedPipeline(build(SPEC), cache)(video)
    CachedPipeline(build(other), cache)(video)
    assert len(entries(cache)) == 2
    write_video(video, frames=30)
    cached = CachedPipeline(build(SPEC), cache)
    assert_equal(cached(video), build(SPEC)(video))
    assert cached.hits == 0


@pytest.mark.parametrize("memory", [False, True], ids=["on disk", "in memory"])
def test_another_file_of_the_same_name_and_size_is_another_entry(
    tmp_path: Path, memory: bool
) -> None:
    path = pad(write_video(tmp_path / "a.mp4"), 20_000)
    kept = (
        build(SPEC, DecodedClips()) if memory else CachedPipeline(build(SPEC), tmp_path / "cache")
    )
    before = kept(path)
    earlier = path.stat()
    pad(write_video(path, frames=30), 20_000)
    os.utime(path, ns=(earlier.st_atime_ns, earlier.st_mtime_ns + 1))
    assert path.stat().st_size == earlier.st_size
    after = kept(path)
    assert_equal(after, build(SPEC)(path))
    assert not np.array_equal(after.frames, before.frames)


@pytest.mark.parametrize(
    "spec",
    [PipelineSpec("vificlip", "train", 4, 32), PipelineSpec("vificlip", "val", 4, 32, clips=4)],
)
def test_random_pipelines_pass_through(video: Path, tmp_path: Path, spec: PipelineSpec) -> None:
    cached = CachedPipeline(build(spec), tmp_path / "cache")
    np.random.seed(0)
    first = cached(video).frame_inds
    second = cached(video).frame_inds
    assert first.tolist() != second.tolist()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_damaged_entries_are_made_anew(
    video: Path, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    made = cached(video)
    (entry,) = entries(tmp_path / "cache")
    content = bytearray(entry.read_bytes())
    content[-10] ^= 0xFF
    harmed = {"cut": content[: len(content) // 2], "flipped": content, "emptied": b""}
    entry.write_bytes(harmed[harm])
    assert_equal(cached(video), made)
    assert cached.hits == 0
    assert f"cached frames {entry} are damaged" in caplog.text
    assert_equal(cached(video), made)
    assert cached.hits == 1


def test_unusable_clips_are_not_cached(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(DecodeError, match="not_video"):
            cached(tmp_path / "a.mp4")
    with pytest.raises(DecodeError, match="missing"):
        cached(tmp_path / "b.mp4")
    assert not (tmp_path / "cache").exists()


def test_the_limit_is_kept_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(4)]
    cache = tmp_path / "cache"
    limit = 2 * (4 * 3 * 32 * 32 + 1000)
    cached = CachedPipeline(build(SPEC), cache, limit=limit)
    for path in videos * 2:
        assert_equal(cached(path), build(SPEC)(path))
    assert len(entries(cache)) == 2
    assert sum(path.stat().st_size for path in entries(cache)) <= limit
    (message,) = [record.message for record in caplog.records]
    assert message == (
        f"the frame cache {cache} has reached its limit of {limit / 2**30:.3g} GiB; "
        "frames are decoded again from now on"
    )


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def entry_of(cache: Path, video: Path) -> Path:
    """The entry that a first look at a video makes."""
    before = set(entries(cache))
    CachedPipeline(build(SPEC), cache)(video)
    (made,) = set(entries(cache)) - before
    return made


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(4)]
    cache = tmp_path / "cache"
    made = [entry_of(cache, path) for path in videos[:3]]
    for position, entry in enumerate(made):
        age(entry, 300 - 100 * position)
    size = max(entry.stat().st_size for entry in made)
    # The oldest entry is read, so that the second oldest is the one to go.
    cached = CachedPipeline(build(SPEC), cache, limit=int(3.4 * size))
    for path in (videos[0], videos[3]):
        assert_equal(cached(path), build(SPEC)(path))
    assert cached.hits == 1
    assert not made[1].exists()
    assert made[0].exists() and made[2].exists()
    assert len(entries(cache)) == 3


def test_a_tiny_limit_changes_no_frame(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(4)]
    plain = [build(SPEC)(path) for path in videos]
    for limit in (0, 1, 13_000, 26_000):
        for _ in range(3):
            cached = CachedPipeline(build(SPEC), tmp_path / "cache", limit=limit)
            for path, frames in zip(videos, plain, strict=True):
                assert_equal(cached(path), frames)
        sizes = [path.stat().st_size for path in entries(tmp_path / "cache")]
        assert sum(sizes) <= limit
        assert len(sizes) == limit // 13_000


def test_a_list_longer_than_the_limit_still_finds_what_fits(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(4)]
    hits = []
    for _ in range(3):
        cached = CachedPipeline(build(SPEC), tmp_path / "cache", limit=26_000)
        for path in videos:
            cached(path)
        hits.append(cached.hits)
    assert hits == [0, 2, 2]


@pytest.mark.parametrize("content", ["", "garbage", "-5"])
def test_a_ledger_that_is_wrong_is_added_up_anew(tmp_path: Path, content: str) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(4)]
    cache = tmp_path / "cache"
    for path in videos[:2]:
        age(entry_of(cache, path), 100)
    (cache / ".used").write_text(content)
    cached = CachedPipeline(build(SPEC), cache, limit=26_000)
    for path in videos:
        assert_equal(cached(path), build(SPEC)(path))
    sizes = [path.stat().st_size for path in entries(cache)]
    assert sum(sizes) <= 26_000
    assert int((cache / ".used").read_text()) == sum(sizes)


def test_what_a_killed_process_left_is_cleared_away(video: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    CachedPipeline(build(SPEC), cache)(video)
    left, fresh = cache / "left.tmp", cache / "fresh.tmp"
    left.write_bytes(b"x" * 5000)
    fresh.write_bytes(b"x")
    age(left, 7200)
    (cache / ".used").unlink()
    CachedPipeline(build(SPEC), cache)(write_video(tmp_path / "b.mp4", frames=12))
    assert not left.exists()
    assert fresh.exists()


def test_a_full_disk_stops_the_cache_only(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_folder, "KEEP_FREE", 2**62)
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    assert_equal(cached(video), build(SPEC)(video))
    assert entries(tmp_path / "cache") == []
    assert "GiB of disk left; frames are decoded again from now on" in caplog.text


def test_a_folder_that_cannot_be_written_stops_the_cache_only(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("in the way")
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    for _ in range(2):
        assert_equal(cached(video), build(SPEC)(video))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cannot be written (EEXIST)" in caplog.text


def fill(videos: list[Path], cache: Path, limit: int | None = None) -> None:
    wanted = [build(SPEC)(path).frames for path in videos]
    failed = False
    for _ in range(5):
        cached = CachedPipeline(build(SPEC), cache, limit=limit)
        for path, frames in zip(videos, wanted, strict=True):
            failed |= not np.array_equal(cached(path).frames, frames)
    os._exit(int(failed))


def test_processes_share_a_cache(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(6)]
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=fill, args=(videos, tmp_path / "cache")) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
    assert [path.suffix for path in entries(tmp_path / "cache")] == [".safetensors"] * 6
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    for path in videos:
        assert_equal(cached(path), build(SPEC)(path))
    assert cached.hits == 6


def test_processes_that_push_out_each_others_entries_give_the_same_frames(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", frames=10 + n) for n in range(6)]
    context = multiprocessing.get_context("fork")
    turned = [videos, videos[::-1], videos[3:] + videos[:3]]
    arguments = [(order, tmp_path / "cache", 40_000) for order in turned]
    started = [context.Process(target=fill, args=given) for given in arguments]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
    kept = entries(tmp_path / "cache")
    assert {path.suffix for path in kept} == {".safetensors"}
    assert sum(path.stat().st_size for path in kept) <= 40_000


def test_clips_kept_in_memory_equal_decoded_ones(tmp_path: Path) -> None:
    videos = [write_video(tmp_path / name) for name in ("a.mp4", "b.avi", "c.webm")]
    clips = DecodedClips()
    pipeline = build(SPEC, clips)
    for path in videos * 2:
        assert_equal(pipeline(path), build(SPEC)(path))
    assert len(clips) == 3
    assert clips.used == 3 * 24 * 48 * 64 * 3


def test_memory_budget_and_changed_files(tmp_path: Path) -> None:
    size = 24 * 48 * 64 * 3
    videos = [write_video(tmp_path / f"{n}.mp4") for n in range(3)]
    clips = DecodedClips(budget=2 * size, largest=size)
    pipeline = build(SPEC, clips)
    for path in videos * 2:
        assert_equal(pipeline(path), build(SPEC)(path))
    assert (len(clips), clips.used) == (2, 2 * size)
    write_video(videos[0], frames=12)
    assert_equal(pipeline(videos[0]), build(SPEC)(videos[0]))


def test_large_clips_are_not_kept(video: Path) -> None:
    clips = DecodedClips(largest=24 * 48 * 64 * 3 - 1)
    assert_equal(build(SPEC, clips)(video), build(SPEC)(video))
    assert len(clips) == 0
