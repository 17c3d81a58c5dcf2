from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.lists.clips import Clip, ClipSet
from bench.engine import bad_clips
from bench.engine.bad_clips import BadClips
from bench.ground.errors import DataError
from results.run.records import BadClip

CLIPS = ClipSet(
    "hmdb51", "val1", tuple(Clip(f"{i}.avi", Path(f"{i}.avi"), 0) for i in range(30)), ("a",)
)


def bad(number: int, reason: str = "truncated") -> BadClip:
    return BadClip(clip=f"{number}.avi", reason=reason)


def test_many_bad_clips_are_named_up_to_twenty() -> None:
    with pytest.raises(DataError) as caught:
        BadClips(CLIPS, "error").note(bad(0), iter([bad(number) for number in range(1, 23)]))
    lines = str(caught.value).splitlines()
    assert lines[0] == "23 clips of hmdb51/val1 cannot be used"
    assert lines[1].startswith("  got:     0.avi (truncated); 1.avi (truncated); ")
    assert lines[1].endswith("19.avi (truncated); and 3 more")


def test_the_search_for_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_clips, "SEARCH_SECONDS", -1.0)
    rest = iter([bad(1), bad(2)])
    with pytest.raises(DataError) as caught:
        BadClips(CLIPS, "error").note(bad(0), rest)
    assert str(caught.value).splitlines()[1] == (
        "  got:     0.avi (truncated); 1.avi (truncated); "
        "and perhaps more: the rest of the list was not searched to its end"
    )
    assert next(rest) == bad(2)


def test_counts() -> None:
    gathered = BadClips(CLIPS, "count-as-wrong", [bad(3, "missing")])
    gathered.note(bad(5), iter(()))
    gathered.note(bad(5), iter(()))
    assert [item.clip for item in gathered.all()] == ["3.avi", "5.avi"]
    assert gathered.counts().model_dump() == {
        "listed": 30,
        "present": 29,
        "decoded": 28,
        "scored": 30,
    }
    assert gathered.counts(missing=4).decoded == 25
