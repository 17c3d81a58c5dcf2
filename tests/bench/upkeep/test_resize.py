from __future__ import annotations

import hashlib
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.data.datasets import CATALOGUE
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.sources import DatasetSource
from bench.data.video.decode import open_video
from bench.data.video.folder_index import index_folder
from bench.data.video.storage import variant_of
from bench.ground.errors import DataError, UsageError
from bench.upkeep import resize, resize_video
from bench.upkeep.resize import ResizeOptions, resize_videos
from bench.upkeep.resize_video import CODECS, Look, ResizeError, Shape, look_at
from bench.upkeep.shards import write_shards
from tests.bench.data import official_folders as official
from tests.bench.data.video_files import cut_in_half, write_audio, write_video

SMALL = ResizeOptions(short_side=32)


def make_tree(root: Path) -> None:
    for folder in ("run", "jump ö (#1)"):
        (root / folder).mkdir(parents=True)
    write_video(root / "run/a.mp4", size=(120, 90))
    write_video(root / "run/b.avi", size=(90, 128), frames=17)
    write_video(root / "jump ö (#1)/-c.webm", size=(64, 48))
    write_video(root / "jump ö (#1)/small.avi", size=(40, 32))


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def files(root: Path) -> list[str]:
    return [path for path, _ in index_folder(root).files()]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    make_tree(tmp_path / "v")
    return tmp_path / "v"


def test_copies_have_the_frames_names_and_size(videos: Path, tmp_path: Path) -> None:
    before = hashes(videos)
    report = resize_videos(videos, tmp_path / "out", SMALL)
    assert report.counts == {"resized": 3, "copied": 1, "linked": 0, "skipped": 0, "known": 0}
    assert report.failures == {}
    assert hashes(videos) == before
    assert files(tmp_path / "out") == [
        "jump ö (#1)/-c.mp4",
        "jump ö (#1)/small.avi",
        "run/a.mp4",
        "run/b.mp4",
    ]
    shapes = {path: look_at(tmp_path / "out" / path).shape for path in files(tmp_path / "out")}
    assert shapes == {
        "jump ö (#1)/-c.mp4": Shape(24, 32, 42),
        "jump ö (#1)/small.avi": Shape(24, 32, 40),
        "run/a.mp4": Shape(24, 32, 42),
        "run/b.mp4": Shape(17, 46, 32),
    }
    index = index_folder(tmp_path / "out")
    assert all(index.find(path) for path in files(videos))
    # Every frame shows what the original's frame of that number shows: its grey is its number.
    for number in (0, 9, 16):
        original = open_video(videos / "run/b.avi").get_frames([number])[0, -20:, -20:].mean()
        copy = open_video(tmp_path / "out/run/b.mp4").get_frames([number])[0, -5:, -5:].mean()
        assert abs(original - copy) < 4


def test_a_second_run_does_what_is_left(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    resize_videos(videos, out, SMALL)
    made = hashes(out)
    again = resize_videos(videos, out, SMALL)
    assert again.counts["known"] == 4 and sum(again.counts.values()) == 4
    assert hashes(out) == made
    (out / "run/a.mp4").write_bytes(b"damaged")
    (out / "run/b.mp4").unlink()
    write_video(videos / "jump ö (#1)/-c.webm", size=(64, 48), frames=10)
    third = resize_videos(videos, out, SMALL)
    assert (third.counts["resized"], third.counts["known"]) == (3, 1)
    assert look_at(out / "jump ö (#1)/-c.mp4").shape.frames == 10
    assert look_at(out / "run/a.mp4").shape.frames == 24


def test_another_size_or_codec_replaces_the_copies(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    resize_videos(videos, out, SMALL)
    report = resize_videos(videos, out, ResizeOptions(short_side=24, codec="vp9"))
    assert report.counts["resized"] == 4
    assert files(out) == [
        "jump ö (#1)/-c.webm",
        "jump ö (#1)/small.webm",
        "run/a.webm",
        "run/b.webm",
    ]
    assert {look_at(out / path).shape.short_side for path in files(out)} == {24}


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_keeps_the_frames(tmp_path: Path, codec: str) -> None:
    (tmp_path / "v").mkdir()
    write_video(tmp_path / "v/a.avi", size=(96, 64), frames=20)
    report = resize_videos(
        tmp_path / "v", tmp_path / "out", ResizeOptions(short_side=48, codec=codec)
    )
    assert report.failures == {}
    assert look_at(tmp_path / "out" / f"a{CODECS[codec].suffix}").shape == Shape(20, 48, 72)


@pytest.mark.parametrize(("smaller", "count"), [("link", "linked"), ("skip", "skipped")])
def test_small_videos_are_linked_or_left_out_when_asked_for(
    videos: Path, tmp_path: Path, smaller: str, count: str
) -> None:
    options = ResizeOptions(short_side=32, smaller=smaller)  # type: ignore[arg-type]
    for known in (0, 4):
        report = resize_videos(videos, tmp_path / "out", options)
        assert report.counts["known"] == known
        assert report.counts[count] == (0 if known else 1)
    place = tmp_path / "out/jump ö (#1)/small.avi"
    if smaller == "link":
        assert place.readlink() == videos / "jump ö (#1)/small.avi"
    else:
        assert not place.exists()


def test_videos_in_shards_can_be_resized(videos: Path, tmp_path: Path) -> None:
    write_shards(videos, tmp_path / "shards")
    resize_videos(videos, tmp_path / "one", SMALL)
    report = resize_videos(tmp_path / "shards", tmp_path / "two", SMALL)
    assert report.failures == {} and report.counts["resized"] == 3
    for path in files(tmp_path / "one"):
        assert look_at(tmp_path / "two" / path).shape == look_at(tmp_path / "one" / path).shape


def test_numbers_on_copies_never_pass_for_those_on_originals(tmp_path: Path) -> None:
    data = official.simple_hmdb(tmp_path / "hmdb", {"kick": 1, "sword": 1})
    for clip in data.videos.rglob("*.avi"):
        clip.unlink()
        write_video(clip.with_suffix(".mp4"), size=(64, 48))
    out, packed = tmp_path / "out", tmp_path / "packed"
    resize_videos(data.videos, out, SMALL)
    write_shards(out, packed)
    identities = []
    for number, root in enumerate((data.videos, out, packed)):
        config = DatasetConfig(root=str(root), annotations=str(data.annotations), format="hmdb")
        source = DatasetSource(CATALOGUE["hmdb51"], config, tmp_path / f"cache{number}")
        identities.append(source.clips("val1", required=True).identity())
    plain, resized, sharded = identities
    assert resized == sharded
    assert resized == {**plain, "videos": "resized: short side 32, h264, quality 20"}
    resize_videos(packed, tmp_path / "again", ResizeOptions(short_side=24))
    assert variant_of(tmp_path / "again") == (
        "resized: short side 24, h264, quality 20 "
        "(before: resized: short side 32, h264, quality 20)"
    )
    (out / "resized.json").write_text("{")
    with pytest.raises(DataError, match="cannot read what was made of the videos"):
        variant_of(out)


def test_what_cannot_be_resized_has_a_reason(tmp_path: Path) -> None:
    videos = tmp_path / "v"
    videos.mkdir()
    good = write_video(videos / "good.mp4", size=(80, 64))
    cut_in_half(good, videos / "cut.mp4")
    (videos / "text.mp4").write_text("no video" * 40)
    (videos / "empty.avi").touch()
    write_audio(videos / "sound.mp4")
    write_video(videos / "good.webm", size=(80, 64))
    report = resize_videos(videos, tmp_path / "out", SMALL)
    reasons = {path: reason for path, (reason, _) in report.failures.items()}
    assert reasons == {
        "cut.mp4": "truncated",
        "text.mp4": "not_video",
        "empty.avi": "empty",
        "sound.mp4": "no_video_stream",
        "good.webm": "name_clash",
    }
    assert report.failures["good.webm"][1] == "its copy would be that of good.mp4"
    assert files(tmp_path / "out") == ["good.mp4"]


def rotated(path: Path, degrees: int) -> Path:
    """A file that asks for its pictures to be turned (the matrix of ISO 14496-12, 8.3.2)."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 4 + 20 + 16
    one, width, height = 1 << 16, 64 << 16, 48 << 16
    matrix = {
        90: (0, one, 0, -one, 0, 0, height, 0, 1 << 30),
        180: (-one, 0, 0, 0, -one, 0, width, height, 1 << 30),
    }[degrees]
    content[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("degrees", [90, 180])
def test_turned_videos_stay_as_a_run_sees_them(tmp_path: Path, degrees: int) -> None:
    (tmp_path / "v").mkdir()
    path = rotated(write_video(tmp_path / "v/a.mp4", size=(64, 48)), degrees)
    report = resize_videos(tmp_path / "v", tmp_path / "out", SMALL)
    assert report.failures == {}
    seen, copy = look_at(path), look_at(tmp_path / "out/a.mp4")
    assert copy.shape == seen.shape.scaled(32)
    step = seen.shape.height // 4
    original = seen.ends[0][::step, ::step].astype(float)
    small = copy.ends[0][:: copy.shape.height // 4, :: copy.shape.height // 4].astype(float)
    rows, columns = (min(a, b) for a, b in zip(original.shape[:2], small.shape[:2], strict=True))
    assert abs(original[:rows, :columns] - small[:rows, :columns]).mean() < 24


def test_a_copy_that_is_not_as_it_should_be_never_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "v").mkdir()
    write_video(tmp_path / "v/a.mp4", size=(80, 64))
    plain = look_at

    def other(change: str) -> Look:
        look = plain(tmp_path / "v/a.mp4")
        shape = look.shape.scaled(32)
        frames = np.zeros((2, 32, 40, 3), np.uint8) + 200
        if change == "frame_count":
            shape = Shape(23, 32, 40)
        elif change == "wrong_size":
            shape = Shape(24, 32, 42)
        return Look(shape, frames)

    for change in ("frame_count", "wrong_size", "looks_different"):
        found = other(change)
        monkeypatch.setattr(resize_video, "look_at", lambda path, found=found: found)
        report = resize_videos(tmp_path / "v", tmp_path / "out", SMALL)
        assert [reason for reason, _ in report.failures.values()] == [change]
        assert files(tmp_path / "out") == []


def test_a_hanging_video_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v").mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / "v" / name, size=(80, 64))
    plain = look_at

    def hangs(path: Path) -> Look:
        if path.name == "a.mp4":
            time.sleep(60)
        return plain(path)

    monkeypatch.setattr(resize, "look_at", hangs)
    options = ResizeOptions(short_side=32, time_limit=3)
    report = resize_videos(tmp_path / "v", tmp_path / "out", options)
    assert report.failures == {"a.mp4": ("timeout", "no result within 3 s")}
    assert report.counts["resized"] == 1


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    videos, out = tmp_path / "v", tmp_path / "out"
    videos.mkdir()
    for number in range(6):
        write_video(videos / f"{number}.mp4", size=(80, 64))
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom bench.upkeep.resize import *\n"
        "def slow(done, of):\n    print(done, flush=True)\n    time.sleep(10 * (done == 3))\n"
        "resize_videos(Path(sys.argv[1]), Path(sys.argv[2]), ResizeOptions(short_side=32), slow)\n"
    )
    command = [sys.executable, "-c", script, str(videos), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    while process.stdout.readline() != b"3\n":
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    # What was cut off in the middle of a line, and what was never finished.
    with (out / ".resized.jsonl").open("ab") as journal:
        journal.write(b'{"path": "5.mp4", "tar')
    (out / ".unfinished").mkdir(exist_ok=True)
    (out / ".unfinished" / "left").write_bytes(b"half")
    report = resize_videos(videos, out, SMALL)
    assert report.failures == {} and report.counts["known"] >= 3
    assert report.counts["known"] + report.counts["resized"] == 6
    assert files(out) == [f"{number}.mp4" for number in range(6)]
    assert not (out / ".unfinished").exists()
    assert resize_videos(videos, out, SMALL).counts["known"] == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codec": "h265"}, "unknown codec 'h265'; did you mean 'h264'?"),
        ({"short_side": 33}, "this short side cannot be encoded"),
        ({"short_side": 8}, "this short side cannot be encoded"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    (tmp_path / "v").mkdir()
    with pytest.raises(UsageError) as error:
        resize_videos(tmp_path / "v", tmp_path / "out", ResizeOptions(**change))  # type: ignore[arg-type]
    assert error.value.what == message


def test_folders_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    for out in (tmp_path / "v", tmp_path / "v/small", tmp_path):
        with pytest.raises(UsageError, match="copies do not go among the originals"):
            resize_videos(tmp_path / "v", out, SMALL)
    with pytest.raises(DataError, match="the folder of the videos does not exist"):
        resize_videos(tmp_path / "nix", tmp_path / "out", SMALL)
    with pytest.raises(DataError, match="there are no videos to resize"):
        resize_videos(tmp_path / "v", tmp_path / "out", SMALL)


def test_reasons_survive_the_way_out_of_a_worker() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(ResizeError("frame_count", "3 of 4")))
    assert (error.reason, error.detail) == ("frame_count", "3 of 4")


def test_the_command_says_what_became_of_every_video(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["data", "resize", "--videos", str(videos), "--out", str(out), "--short-side", "32"]
    (videos / "text.mp4").write_text("no video" * 40)
    assert main([*command, "--jobs", "1"]) == 1
    said = capsys.readouterr()
    first, second = said.out.splitlines()
    assert first.startswith("3 videos resized to a short side of 32 and verified (")
    assert second == "1 had a short side of 32 or less: copied as they are"
    assert said.err.splitlines()[0] == "1 clip could not be resized (1 not_video):"
    assert said.err.splitlines()[1].startswith("  text.mp4: not_video (Invalid data found")
    os.unlink(videos / "text.mp4")  # noqa: PTH108
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 videos resized to a short side of 32 and verified",
        "4 were done before",
        f"next: root = '{out}' of the dataset in the configuration",
    ]
