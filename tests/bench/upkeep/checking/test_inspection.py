from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.upkeep.checking.inspection import InspectTask, inspect_clip
from bench.upkeep.checking.verdict import MEANING, SUSPICIONS, Inspection, Verdict, judge
from tests.bench.data.video_files import CODECS, cut_in_half, write_audio, write_video


@pytest.mark.parametrize("suffix", CODECS)
def test_what_a_good_clip_shows(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"good{suffix}")
    seen = inspect_clip(InspectTask(path, "ends"))
    assert seen == Inspection(
        frames=24, seconds=2.0, declared=24, exact=True, damaged=None, decoder="decord"
    )
    seen = inspect_clip(InspectTask(path, "all"))
    assert (seen.reason, seen.damaged, seen.different) == ("", 0, 0)


def test_reasons_of_files_that_give_no_frames(tmp_path: Path) -> None:
    good = write_video(tmp_path / "good.mp4")
    (tmp_path / "empty.avi").touch()
    (tmp_path / "text.webm").write_text("<html>not here</html>" * 20)
    (tmp_path / "folder.mp4").mkdir()
    found = {
        path.name: inspect_clip(InspectTask(path, "ends")).reason
        for path in (
            tmp_path / "absent.mp4",
            tmp_path / "empty.avi",
            tmp_path / "text.webm",
            tmp_path / "folder.mp4",
            write_audio(tmp_path / "sound.mp4"),
            cut_in_half(good, tmp_path / "half.mp4"),
        )
    }
    assert found == {
        "absent.mp4": "missing",
        "empty.avi": "empty",
        "text.webm": "not_video",
        "folder.mp4": "directory",
        "sound.mp4": "no_video_stream",
        "half.mp4": "truncated",
    }


def test_damage_between_the_ends_is_found_where_every_frame_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "noisy.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"g": "12", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(36):
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(path.read_bytes())
    place, size = packets[6]
    content[place + size // 2 : place + size // 2 + 40] = rng.bytes(40)
    path.write_bytes(content)
    ends = inspect_clip(InspectTask(path, "ends"))
    assert judge(ends, annotated_seconds=None, min_frames=8) == Verdict("ok")
    every = inspect_clip(InspectTask(path, "all"))
    assert every.damaged is not None
    assert every.damaged >= 1
    assert judge(every, annotated_seconds=None, min_frames=8) == Verdict(
        "suspect", "hidden_damage", f"{every.damaged} of 36 frames"
    )


def test_a_container_that_ends_early_without_saying_so(tmp_path: Path) -> None:
    """A live stream's WebM has no length of its own; its header's duration is all there is."""
    whole = write_video(tmp_path / "whole.webm", frames=48)
    content = bytearray(whole.read_bytes())
    segment = content.index(b"\x18\x53\x80\x67") + 4
    content[segment : segment + 8] = b"\x01" + b"\xff" * 7
    short = tmp_path / "short.webm"
    short.write_bytes(content[: len(content) // 2])
    seen = inspect_clip(InspectTask(short, "ends"))
    assert seen.reason == ""
    assert (seen.declared, seen.exact) == (48, True)
    verdict = judge(seen, annotated_seconds=None, min_frames=8)
    assert verdict == Verdict("bad", "fewer_frames", f"{seen.frames} of 48 frames")


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (Inspection("timeout", "x"), Verdict("bad", "timeout", "x")),
        (Inspection(frames=300, seconds=10.0), Verdict("ok")),
        (Inspection(frames=299, seconds=10, declared=300, exact=True), Verdict("ok")),
        (
            Inspection(frames=200, declared=300, exact=True),
            Verdict("bad", "fewer_frames", "200 of 300 frames"),
        ),
        (
            Inspection(frames=200, declared=300),
            Verdict("suspect", "maybe_fewer_frames", "200 of 300 frames"),
        ),
        (
            Inspection(frames=90, seconds=3.0, declared=90),
            Verdict("suspect", "shorter_than_annotated", "3.0 of 10 s"),
        ),
        (Inspection(frames=270, seconds=9.1), Verdict("ok")),
        (
            Inspection(frames=5, seconds=10.0),
            Verdict("suspect", "few_frames", "5 of 8 frames"),
        ),
        (
            Inspection(frames=300, seconds=10.0, damaged=0, different=1),
            Verdict("suspect", "decoders_disagree", "1 of first, middle and last frame"),
        ),
    ],
)
def test_verdicts(seen: Inspection, verdict: Verdict) -> None:
    assert judge(seen, annotated_seconds=10.0, min_frames=8) == verdict
    if verdict.reason:
        assert verdict.reason in MEANING
        assert (verdict.reason in SUSPICIONS) == (verdict.state == "suspect")


@given(frames=st.integers(1, 1000), declared=st.integers(1, 1000))
def test_more_frames_are_never_worse(frames: int, declared: int) -> None:
    order = {"ok": 0, "suspect": 1, "bad": 2}

    def badness(count: int) -> int:
        seen = Inspection(frames=count, declared=declared, exact=True)
        return order[judge(seen, annotated_seconds=None, min_frames=1).state]

    assert badness(frames + 1) <= badness(frames)
