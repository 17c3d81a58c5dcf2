from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cli import main
from bench.data.datasets import CATALOGUE
from bench.data.kept.decoded_clips import DecodedClips
from bench.data.kept.frame_cache import CachedPipeline
from bench.data.lists.clip_lists import load_clips
from bench.data.lists.dataset_config import DatasetConfig
from bench.data.lists.sources import DatasetSource
from bench.data.pipelines import build
from bench.data.pipelines.base import PipelineSpec
from bench.data.video import storage
from bench.data.video.decode import DecodeError, open_video
from bench.data.video.folder_index import index_folder
from bench.data.video.storage import INDEX, ShardEntry, broken_shards, index_text, shard_index
from bench.ground.errors import DataError, UsageError
from bench.upkeep.shards import ShardReport, write_shards
from tests.bench.data import official_folders as official
from tests.bench.data.video_files import cut_in_half, write_audio, write_video

SPEC = PipelineSpec("vificlip", "val", 4, 32)
NAMES = (
    "train/a.mp4",
    "train/sub (x)/#b;[1].avi",
    "val/-kahgmRD-4g_000004_000014.webm",
    "val/ünïcode & ! name.mp4",
    f"val/{'long_' * 30}.avi",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real videos under awkward names."""
    root = tmp_path_factory.mktemp("videos")
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / name, frames=12 + number)
    return root


@pytest.fixture(scope="module")
def packed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in shards of two or three clips."""
    out = tmp_path_factory.mktemp("shards")
    report = write_shards(folder, out, shard_size=6_000)
    assert (report.packed, report.kept, report.failures) == (len(NAMES), 0, {})
    assert report.shards > 1
    return out


@pytest.mark.parametrize("name", NAMES)
def test_frames_out_of_a_shard_equal_those_of_the_file(
    folder: Path, packed: Path, name: str
) -> None:
    plain, sharded = open_video(folder / name), open_video(packed / name)
    assert (sharded.decoder, len(sharded)) == (plain.decoder, len(plain)) == ("decord", len(plain))
    indices = [0, len(plain) - 1, 3, 3]
    np.testing.assert_array_equal(sharded.get_frames(indices), plain.get_frames(indices))


def test_pyav_reads_out_of_a_shard_too(
    folder: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("not today")

    wanted = open_video(folder / NAMES[0]).get_frames([0, 7, 11])
    monkeypatch.setattr("decord.VideoReader", fails)
    video = open_video(packed / NAMES[0])
    assert video.decoder == "pyav"
    np.testing.assert_array_equal(video.get_frames([0, 7, 11]), wanted)


def test_any_tar_program_reads_the_shards(folder: Path, packed: Path) -> None:
    held = {}
    for shard in packed.glob("*.tar"):
        with tarfile.open(shard) as archive:
            for member in archive:
                held[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    assert held == {name: (folder / name).read_bytes() for name in NAMES}


def test_a_shard_root_is_indexed_like_the_folder(folder: Path, packed: Path) -> None:
    plain, sharded = index_folder(folder), index_folder(packed)
    assert list(sharded.files()) == list(plain.files())
    for name in NAMES:
        assert sharded.find(name) == plain.find(name) == [name]
    assert sharded.find("elsewhere/a.webm") == ["train/a.mp4"]


def test_caches_know_a_clip_of_a_shard(folder: Path, packed: Path, tmp_path: Path) -> None:
    wanted = build(SPEC)(folder / NAMES[1]).frames
    cached = CachedPipeline(build(SPEC), tmp_path / "cache")
    kept = DecodedClips()
    in_memory = build(SPEC, kept)
    for _ in range(2):
        np.testing.assert_array_equal(cached(packed / NAMES[1]).frames, wanted)
        np.testing.assert_array_equal(in_memory(packed / NAMES[1]).frames, wanted)
    assert (cached.hits, len(kept)) == (1, 1)


def test_lists_and_keys_are_those_of_the_unpacked_folder(tmp_path: Path) -> None:
    data = official.simple_hmdb(tmp_path / "hmdb", {"kick": 3, "sword": 3})
    for clip in data.videos.rglob("*.avi"):
        write_video(clip, frames=8)
    write_shards(data.videos, tmp_path / "shards")
    refs = []
    for number, root in enumerate((data.videos, tmp_path / "shards")):
        config = DatasetConfig(root=str(root), annotations=str(data.annotations), format="hmdb")
        source = DatasetSource(CATALOGUE["hmdb51"], config, tmp_path / f"cache{number}")
        refs.append(source.clips("val1", required=True))
    assert refs[0].identity() == refs[1].identity()
    clips = [load_clips(ref).clips for ref in refs]
    assert [clip.id for clip in clips[0]] == [clip.id for clip in clips[1]]
    for one, other in zip(*clips, strict=True):
        assert other.path == tmp_path / "shards" / one.path.relative_to(data.videos)
        assert len(open_video(other.path)) == 8


def reason(path: Path) -> tuple[str, str]:
    with pytest.raises(DecodeError) as error:
        open_video(path)
    return error.value.reason, error.value.detail


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """One shard with two clips."""
    (tmp_path / "v").mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / "v" / name)
    write_shards(tmp_path / "v", tmp_path / "s")
    return tmp_path / "s"


def test_broken_shards_have_a_reason(single: Path) -> None:
    shard = single / "videos-00000.tar"
    content = shard.read_bytes()
    end = max(entry.offset + entry.size for entry in (shard_index(single) or {}).values())
    shard.write_bytes(content[: end - 100])
    assert len(open_video(single / "a.mp4")) == 24
    assert reason(single / "b.mp4") == (
        "truncated",
        "its shard videos-00000.tar ends 100 bytes before the clip does",
    )
    assert broken_shards(single) == {"videos-00000.tar": "100 bytes are missing at the end"}
    shard.unlink()
    assert reason(single / "a.mp4") == ("missing", "its shard videos-00000.tar is missing")
    assert broken_shards(single) == {"videos-00000.tar": "missing"}
    assert list(index_folder(single).files()) == []
    assert reason(single / "c.mp4") == ("missing", "")


def test_a_shard_of_another_index_is_not_taken_for_this_one(single: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "w").mkdir()
    for name in ("x.mp4", "y.mp4"):
        write_video(tmp_path / "w" / name)
    write_shards(tmp_path / "w", other)
    (single / "videos-00000.tar").write_bytes((other / "videos-00000.tar").read_bytes())
    assert reason(single / "a.mp4") == (
        "changed",
        "its shard videos-00000.tar is not the one that shards.csv speaks of",
    )


def test_damaged_clips_in_a_shard_have_the_reasons_of_files(tmp_path: Path) -> None:
    videos = tmp_path / "v"
    videos.mkdir()
    cut_in_half(write_video(tmp_path / "whole.mp4"), videos / "cut.mp4")
    (videos / "text.mp4").write_text("no video" * 20)
    (videos / "empty.mp4").touch()
    write_audio(videos / "sound.mp4")
    write_shards(videos, tmp_path / "s")
    for name in ("cut", "text", "empty", "sound"):
        assert reason(tmp_path / "s" / f"{name}.mp4")[0] == reason(videos / f"{name}.mp4")[0]


def test_missing_clips_of_broken_shards_name_the_shard(tmp_path: Path) -> None:
    data = official.simple_hmdb(tmp_path / "hmdb", {"kick": 1, "sword": 1})
    write_shards(data.videos, tmp_path / "shards")
    config = DatasetConfig(
        root=str(tmp_path / "shards"), annotations=str(data.annotations), format="hmdb"
    )
    source = DatasetSource(CATALOGUE["hmdb51"], config, tmp_path / "cache")
    ref = source.clips("val1", required=True)
    (tmp_path / "shards" / "videos-00000.tar").unlink()
    with pytest.raises(DataError) as error:
        load_clips(ref)
    assert error.value.got is not None
    assert str(error.value.got).endswith("; shards: videos-00000.tar (missing)")


def test_packing_again_adds_what_is_new(folder: Path, tmp_path: Path) -> None:
    videos, out = tmp_path / "v", tmp_path / "s"
    videos.mkdir()
    first = write_video(videos / "a.mp4")
    write_shards(videos, out)
    before = (out / "videos-00000.tar").read_bytes()
    write_video(videos / "b.avi")
    report = write_shards(videos, out)
    assert (report.packed, report.kept, report.shards, report.superseded) == (1, 1, 1, 0)
    assert (out / "videos-00000.tar").read_bytes() == before
    write_video(first, frames=30)
    report = write_shards(videos, out)
    assert (report.packed, report.kept, report.superseded) == (1, 1, 1)
    assert len(open_video(out / "a.mp4")) == 30
    again = write_shards(videos, out)
    assert again == ShardReport(0, 2, 0, 0, {}, 0)
    (out / "videos-00001.tar").unlink()
    assert write_shards(videos, out).packed == 1
    assert len(open_video(out / "b.avi")) == 24


def test_a_clip_that_cannot_be_read_is_named_and_the_rest_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = tmp_path / "v"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_video(videos / name)
    plain = os.fstat
    calls = 0

    def grown(handle: int) -> os.stat_result:
        """As if b.mp4 were written to while it is packed."""
        nonlocal calls
        facts = plain(handle)
        target = str(Path(f"/proc/self/fd/{handle}").readlink())
        calls += target.endswith("b.mp4")
        if target.endswith("b.mp4") and calls == 2:
            return os.stat_result((*facts[:6], facts.st_size + 1, *facts[7:]))
        return facts

    monkeypatch.setattr(os, "fstat", grown)
    report = write_shards(videos, tmp_path / "s")
    assert report.failures == {"b.mp4": ("changed", "it was written to while it was packed")}
    assert report.packed == 2
    assert len(open_video(tmp_path / "s" / "c.mp4")) == 24
    assert reason(tmp_path / "s" / "b.mp4") == ("missing", "")


def test_folders_that_contradict_each_other_are_refused(single: Path, tmp_path: Path) -> None:
    videos = tmp_path / "v"
    with pytest.raises(UsageError, match="shards do not go among the videos"):
        write_shards(videos, videos)
    with pytest.raises(UsageError, match="the folder of the videos holds shards already"):
        write_shards(single, tmp_path / "again")
    with pytest.raises(DataError, match="the folder of the videos does not exist"):
        write_shards(tmp_path / "nix", tmp_path / "out")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="there are no videos to pack"):
        write_shards(tmp_path / "none", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,shard\n", "shards.csv is not an index of shards"),
        ("path,shard,offset,size,mtime_ns\na.mp4,x.tar,no,1,1\n", "shards.csv, line 2: no row"),
        ("path,shard,offset,size,mtime_ns\na.mp4,x.tar,1\n", "shards.csv, line 2: no row"),
        (
            "path,shard,offset,size,mtime_ns\na.mp4,../x.tar,512,1,1\n",
            "shards.csv, line 2: the shard is not a file beside the index",
        ),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(DataError) as error:
        storage.locate(tmp_path / "a.mp4")
    assert error.value.what == message


paths = st.text(
    st.characters(blacklist_characters="\0/\r", blacklist_categories=("Cs",)), min_size=1
)
entries = st.builds(
    ShardEntry, st.just("s.tar"), st.integers(512, 2**60), st.integers(0, 2**60), st.integers(0)
)


@given(st.dictionaries(paths, entries, max_size=5))
@settings(max_examples=30, deadline=None)
def test_an_index_reads_back(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, ShardEntry]
) -> None:
    folder = tmp_path_factory.mktemp("index")
    (folder / INDEX).write_bytes(index_text(rows.items()))
    assert shard_index(folder) == rows


def test_a_killed_packing_goes_on(tmp_path: Path) -> None:
    videos, out = tmp_path / "v", tmp_path / "s"
    videos.mkdir()
    for number in range(6):
        write_video(videos / f"{number}.mp4")
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom bench.upkeep.shards import write_shards\n"
        "def slow(done, of):\n    print(done, flush=True)\n    time.sleep(10 * (done == 4))\n"
        "write_shards(Path(sys.argv[1]), Path(sys.argv[2]), shard_size=5000, progress=slow)\n"
    )
    command = [sys.executable, "-c", script, str(videos), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    while process.stdout.readline() != b"4\n":
        pass
    with pytest.raises(UsageError, match="another process is filling this folder"):
        write_shards(videos, out)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.05)
    whole = shard_index(out)
    assert whole is not None and broken_shards(out) == {} and 0 < len(whole) < 6
    report = write_shards(videos, out, shard_size=5000)
    assert report.packed + report.kept == 6 and report.kept == len(whole)
    assert [len(open_video(out / f"{number}.mp4")) for number in range(6)] == [24] * 6
    assert not list(out.glob(".*.part"))


def test_the_command_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    out = tmp_path / "s"
    assert main(["data", "shard", "--videos", str(folder), "--out", str(out)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("5 clips packed into 1 shards (") and first.endswith(
        "), 0 lay in shards before"
    )
    assert last == f"next: root = '{out}' of the dataset in the configuration"
    flags = ["data", "shard", "--videos", "v", "--out", "s", "--shard-size", "many"]
    with pytest.raises(SystemExit) as stopped:
        main(flags)
    assert stopped.value.code == 2
    assert "got many, allowed: a number with K, M, G or T" in capsys.readouterr().err
