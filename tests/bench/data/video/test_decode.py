from __future__ import annotations

import os
import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.data.video import decode
from bench.data.video.decode import DecodeError, open_video
from bench.data.video.decord_output import decord_silenced
from tests.bench.data.video_files import cut_in_half, write_audio, write_video

SUFFIXES = (".mp4", ".avi", ".webm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos")
    for suffix in SUFFIXES:
        write_video(path / f"good{suffix}")
    write_video(path / "av1.mp4", codec="libsvtav1")
    write_audio(path / "sound.mp4")
    (path / "empty.mp4").touch()
    (path / "text.mp4").write_text("no video\n" * 50)
    (path / "noise.avi").write_bytes(np.random.default_rng(0).bytes(4000))
    (path / "folder.mp4").mkdir()
    return path


def every_frame_by_pyav(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_are_those_of_an_independent_decoder(folder: Path, suffix: str) -> None:
    video = open_video(folder / f"good{suffix}")
    assert (video.decoder, len(video)) == ("decord", 24)
    expected = every_frame_by_pyav(folder / f"good{suffix}")
    np.testing.assert_array_equal(video.get_frames(range(24)), expected)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(indices=st.lists(st.integers(0, 23), min_size=1, max_size=12))
def test_any_order_and_repeats(folder: Path, indices: list[int]) -> None:
    everything = open_video(folder / "good.mp4").get_frames(range(24))
    some = open_video(folder / "good.mp4").get_frames(indices)
    np.testing.assert_array_equal(some, everything[indices])


def test_indices_out_of_range(folder: Path) -> None:
    with pytest.raises(IndexError, match=r"frame indices \[3, 24\] outside 0\.\.23"):
        open_video(folder / "good.mp4").get_frames([3, 24])


def test_pyav_serves_what_decord_cannot(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    video = open_video(folder / "av1.mp4")
    assert (video.decoder, len(video)) == ("pyav", 24)
    expected = every_frame_by_pyav(folder / "av1.mp4")
    np.testing.assert_array_equal(video.get_frames([7, 2, 2, 23]), expected[[7, 2, 2, 23]])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.mp4", "there is no such file (missing)"),
        ("folder.mp4", "this is a folder, not a file (directory)"),
        ("empty.mp4", "the file has zero bytes (empty)"),
        ("sound.mp4", "the file has no video stream (no_video_stream)"),
        (
            "text.mp4",
            "the file is not a video (not_video)\n"
            "  got:     Invalid data found when processing input",
        ),
        (
            "noise.avi",
            "the file is not a video (not_video)\n"
            "  got:     Invalid data found when processing input",
        ),
    ],
)
def test_unusable_files_say_why_and_quietly(
    folder: Path, capfd: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        open_video(folder / name)
    text = str(caught.value).split(";")[0]
    assert text == f"cannot decode {folder / name}: {message}"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_in_half_is_never_half_a_clip(folder: Path, suffix: str) -> None:
    whole = folder / f"good{suffix}"
    half = cut_in_half(whole, folder / f"half{suffix}")
    with pytest.raises(DecodeError) as caught:
        open_video(half)
    assert caught.value.reason == "truncated"
    assert caught.value.detail.endswith(" bytes are missing at the end")


def test_damaged_frames_are_an_error_and_not_other_frames(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((folder / "good.mp4").read_bytes())
    start = content.index(b"mdat") + 200
    length = (content.index(b"moov") - 4 - start) // 2
    content[start : start + length] = np.random.default_rng(0).bytes(length)
    damaged = folder / "damaged.mp4"
    damaged.write_bytes(content)
    with pytest.raises(DecodeError) as caught:
        open_video(damaged).get_frames(range(24))
    assert caught.value.reason == "decode_failed"
    assert str(caught.value).startswith(
        f"cannot decode {damaged}: the video is damaged (decode_failed)\n  got:     "
    )
    assert capfd.readouterr().err == ""


def test_a_named_pipe_does_not_hang(folder: Path) -> None:
    pipe = folder / "pipe.mp4"
    os.mkfifo(pipe)
    with pytest.raises(DecodeError) as caught:
        open_video(pipe)
    assert (caught.value.reason, caught.value.detail) == ("not_readable", "not a regular file")


def test_the_error_survives_the_way_out_of_a_worker() -> None:
    error = pickle.loads(pickle.dumps(DecodeError("truncated", "7 bytes", Path("a.mp4"))))
    assert (error.reason, error.detail, error.path) == ("truncated", "7 bytes", Path("a.mp4"))


def test_only_decord_is_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    with decord_silenced():
        os.write(2, b"[11:17:14] /x/src/video/video_reader.cc:83: ERROR opening: a.mp4\n")
        os.write(2, b"a line of somebody else\n")
    assert capfd.readouterr().err == "a line of somebody else\n"


def test_versions_name_both_decoders() -> None:
    assert set(decode.versions()) == {"decord", "av"}
