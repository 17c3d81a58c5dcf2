from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bench.ground.files import write_atomically


@pytest.mark.parametrize("content", [b"new", "new"])
@pytest.mark.parametrize("durable", [True, False])
def test_replaces_the_whole_file(tmp_path: Path, content: bytes | str, durable: bool) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old, and longer")
    write_atomically(path, content, durable=durable)
    assert path.read_bytes() == b"new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_reader_never_sees_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    sync, seen = os.fsync, []

    def look(handle: int) -> None:
        seen.append(path.read_text())
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"
    # The content reaches the disk before the name does, then the name.
    assert seen == ["old", "new"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(path, "new")
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("a.json", "old")]
