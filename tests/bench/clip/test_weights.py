from __future__ import annotations

import argparse
import os
import pickle
import re
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from bench.clip.inert_pickle import Inert, read_archive
from bench.clip.weights import file_sha256, read_weights, state_dict_of
from bench.ground.errors import WeightsError

TENSORS = {"weight": torch.arange(12.0).reshape(3, 4), "half": torch.ones(2).half()}


class Attack:
    """Unpickled by the ordinary reader, it would write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.target),))


def _configuration_object() -> Any:
    """A dict subclass of a module that the reader does not have, like yacs's CfgNode."""
    module = types.ModuleType("absent_configs")
    cls = type("CfgNode", (dict,), {"__module__": "absent_configs"})
    module.CfgNode = cls  # type: ignore[attr-defined]
    sys.modules["absent_configs"] = module
    node = cls(EPOCHS=10)
    node.frozen = True
    return node


def test_a_configuration_object_becomes_inert_data(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    content = {
        "model": TENSORS,
        "config": _configuration_object(),
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(3.5),
        "seen": {1, 2},
    }
    torch.save(content, path)
    del sys.modules["absent_configs"]
    read = read_weights(path)
    assert torch.equal(read.content["model"]["weight"], TENSORS["weight"])
    assert torch.equal(read.content["model"]["half"], TENSORS["half"])
    config = read.content["config"]
    assert isinstance(config, Inert)
    assert (type(config).__name__, config.items) == ("CfgNode", {"EPOCHS": 10})
    assert config.state == {"frozen": True}
    assert read.content["args"].state == {"lr": 0.1}


def test_pickled_code_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    path, target = tmp_path / "trap.pth", tmp_path / "made_by_the_trap"
    torch.save({"model": TENSORS, "extra": Attack(target)}, path)
    with pytest.raises(WeightsError) as error:
        read_weights(path)
    assert not target.exists()
    assert str(error.value) == (
        f"trap.pth asks for code to be run ({os.mkdir.__module__}.mkdir) and was refused; "
        "nothing was run\n"
        f"  got:     {path}\n"
        "  next:    take the weights from a source you trust, as safetensors if it has them"
    )


def test_pickled_code_in_the_old_format_is_refused(tmp_path: Path) -> None:
    path, target = tmp_path / "trap.pth", tmp_path / "made_by_the_trap"
    path.write_bytes(pickle.dumps({"model": Attack(target), "padding": "x" * 100}, protocol=2))
    with pytest.raises(WeightsError) as error:
        read_weights(path)
    assert not target.exists()
    assert str(error.value).splitlines()[0] == (
        f"trap.pth holds more than tensors ({os.mkdir.__module__}.mkdir) in torch's old format "
        "and was refused; nothing was run"
    )


def _rewritten(path: Path, name: str, data: bytes) -> None:
    """Replace one entry of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, data if entry.endswith(name) else content)


@pytest.mark.parametrize(
    ("entry", "data", "reason"),
    [
        ("data/0", b"1234", "a storage has another size than it says"),
        ("byteorder", b"big", "it was written on a big-endian machine"),
        ("data.pkl", b"\x80\x02}", "its contents do not follow torch's format"),
    ],
)
def test_inconsistent_archives_are_refused(
    tmp_path: Path, entry: str, data: bytes, reason: str
) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"tensor": torch.zeros(64)}, path)
    _rewritten(path, entry, data)
    with pytest.raises(WeightsError) as error:
        read_archive(path)
    assert reason in str(error.value)


def test_a_tensor_past_the_end_of_its_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"tensor": torch.zeros(64)}, path)
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("weights/data.pkl")
    size = b"K@\x85"  # the 1-tuple (64,)
    assert pickled.count(size) == 1
    _rewritten(path, "data.pkl", pickled.replace(size, b"M\x00\x10\x85"))
    with pytest.raises(WeightsError, match="reaches past the end of its storage"):
        read_archive(path)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("weights")
    torch.save({"model": TENSORS, "config": _configuration_object()}, folder / "a.pth")
    save_file(TENSORS, folder / "a.safetensors")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_truncated_files_are_always_refused(
    data: st.DataObject, suffix: str, good: dict[str, bytes], tmp_path: Path
) -> None:
    whole = good[suffix]
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(WeightsError, match=r"^cut\."):
        read_weights(path)


@pytest.mark.parametrize("place", ["a name", "the number of disks"])
def test_a_damaged_directory_of_an_archive(
    good: dict[str, bytes], tmp_path: Path, place: str
) -> None:
    whole = bytearray(good[".pth"])
    if place == "a name":
        flags = whole.index(b"PK\x01\x02") + 9
        whole[flags] |= 8  # it says that the name is UTF-8
        whole[whole.index(b"a/data.pkl", flags)] = 0x80
    else:
        whole[whole.index(b"PK\x06\x07") + 16] = 9
    path = tmp_path / "listed.pth"
    path.write_bytes(whole)
    with pytest.raises(WeightsError, match=r"^listed\.pth is truncated, damaged or no weights"):
        read_weights(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_damaged_files_are_read_or_refused_but_never_crash(
    data: st.DataObject, suffix: str, good: dict[str, bytes], tmp_path: Path
) -> None:
    damaged = bytearray(good[suffix])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"flipped{suffix}"
    path.write_bytes(damaged)
    try:
        assert len(read_weights(path).content) >= 0
    except WeightsError as error:
        reasons = (
            "(is truncated|cannot be read|asks for code to be run|holds more than tensors|"
            "was refused)"
        )
        assert re.match(rf"flipped\{suffix} {reasons}", error.what)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "w.pt holds no weights but 0 bytes"),
        (b"<!DOCTYPE html><html>" + b"x" * 100, "w.pt holds no weights but a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n",
            "w.pt is a Git LFS pointer, not the weights",
        ),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as error:
        read_weights(path)
    assert str(error.value).splitlines()[0] == message


def test_a_file_without_tensors_says_what_it_holds() -> None:
    with pytest.raises(WeightsError) as error:
        state_dict_of({"epoch": 3, "optimizer": {}}, source="x.pth")
    assert str(error.value) == (
        "x.pth holds no tensors by name\n"
        "  got:     top-level keys: epoch, optimizer\n"
        "  allowed: a state dict, or one under 'model', 'state_dict', 'model_state_dict'\n"
        "  next:    save the state dict alone: torch.save(model.state_dict(), file)"
    )


def test_hash_follows_the_file_and_is_remembered(tmp_path: Path) -> None:
    path, cache = tmp_path / "w.bin", tmp_path / "cache"
    path.write_bytes(b"one")
    first = file_sha256(path, cache)
    assert first == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert len(list((cache / "sha256").iterdir())) == 1
    path.write_bytes(b"other")
    assert file_sha256(path, cache) != first


def test_a_note_that_cannot_be_read_or_written_costs_only_time(tmp_path: Path) -> None:
    path, cache = tmp_path / "w.bin", tmp_path / "cache"
    path.write_bytes(b"one")
    hashes = "import sys; from pathlib import Path; from bench.clip.weights import file_sha256; "
    ask = [sys.executable, "-c", hashes + "print(file_sha256(*map(Path, sys.argv[1:])))"]

    def asked(folder: Path) -> str:
        done = subprocess.run([*ask, path, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    first = asked(cache)
    (note,) = (cache / "sha256").iterdir()
    for damage in (b"", b"{}", b"[]", b"\xff"):
        note.write_bytes(damage)
        assert asked(cache) == first
    note.write_text(note.read_text().replace(first, "remembered"))
    assert asked(cache) == "remembered"
    # Nobody can make a folder below a file, root included.
    assert asked(path) == first
