"""Files that ask for far more time or memory than weights can need; each is refused quickly."""

from __future__ import annotations

import json
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench.clip.bounded_reading import MAX_LONG_INTEGERS, MAX_OPERATIONS
from bench.clip.weights import read_weights, state_dict_of
from bench.ground.errors import WeightsError

FEW_SECONDS = 5.0


def archive(path: Path, data: bytes, *, compress: int = zipfile.ZIP_STORED) -> None:
    """A torch archive with this pickle and one storage of four bytes."""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zipfile.ZipInfo("x/data.pkl"), data, compress)
        made.writestr("x/byteorder", b"little")
        made.writestr("x/data/0", b"\0\0\0\0")
        made.writestr("x/version", b"3\n")


def tuples_in_tuples(levels: int) -> bytes:
    """A dictionary whose key is a tuple of two equal tuples of two equal tuples …"""
    doubling = b"".join(b"2\x86" for _ in range(levels))  # DUP, TUPLE2
    return b"\x80\x02}" + b"K\x01" + doubling + b"K\x01s."


def hash_bomb(path: Path) -> None:
    archive(path, tuples_in_tuples(60))


def deflate_bomb(path: Path) -> None:
    archive(path, pickle.dumps({"x": b"\0" * 30_000_000}), compress=zipfile.ZIP_DEFLATED)


def millions_of_operations(path: Path) -> None:
    archive(path, b"\x80\x02" + b"N0" * MAX_OPERATIONS + b"}.")


def integers_of_one_hash(path: Path) -> None:
    keys = ((number + 1) * (2**61 - 1) for number in range(MAX_LONG_INTEGERS + 1))
    items = b"".join(b"\x8a\x0a" + key.to_bytes(10, "little") + b"K\x00" for key in keys)
    archive(path, b"\x80\x02}(" + items + b"u.")


def deep_tuples(path: Path) -> None:
    archive(path, b"\x80\x02}" + b"K\x01" + b"\x85" * 200_000 + b"K\x01s.")


def deep_modules(path: Path) -> None:
    part = b"c__torch__\nPart\n)\x81}X\x01\x00\x00\x00m"
    data = b"\x80\x02" + part * 2000 + b"N" + b"sb" * 2000 + b"."
    archive(path, data)
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("x/constants.pkl", b"\x80\x02).")


def shared_entries(path: Path) -> None:
    archive(path, pickle.dumps({}, 2))
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("x/data/1", bytes(10_000))
        for number in range(2, 40):
            twin = made.getinfo("x/data/1")
            copy = zipfile.ZipInfo(f"x/data/{number}")
            copy.header_offset, copy.CRC = twin.header_offset, twin.CRC
            copy.file_size = copy.compress_size = twin.file_size
            made.filelist.append(copy)
            made.NameToInfo[copy.filename] = copy
        made._didModify = True  # type: ignore[attr-defined]


def long_directory(path: Path) -> None:
    archive(path, pickle.dumps({}, 2))
    data = bytearray(path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<L", 1 << 30)
    path.write_bytes(data)


def bytes_by_number(path: Path) -> None:
    """``bytearray(10**12)``, which torch's own reader calls."""
    archive(
        path, b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + (10**12).to_bytes(6, "little") + b"\x85R."
    )


def millions_in_the_old_format(path: Path) -> None:
    path.write_bytes(b"\x80\x02" + b"N0" * MAX_OPERATIONS + b"}." * 5)


def long_header(path: Path) -> None:
    header = json.dumps({"__metadata__": {"x": "y" * (17 << 20)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (hash_bomb, "its pickle holds tuples in tuples, too large to be hashed"),
        (deep_tuples, "its pickle holds tuples in tuples, too large to be hashed"),
        (deflate_bomb, "its entry x/data.pkl is compressed: "),
        (millions_of_operations, "its pickle has more than 1,000,000 operations"),
        (integers_of_one_hash, "its pickle has more than 10,000 long integers"),
        (deep_modules, "its modules are nested more than 100 deep"),
        (shared_entries, "its entries share bytes: "),
        (long_directory, "its list of entries has 1,073,741,824 bytes"),
        (millions_in_the_old_format, "its pickle has more than 1,000,000 operations"),
        (long_header, "its header has "),
    ],
)
def test_it_is_refused_within_seconds(
    make: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    path = tmp_path / ("bomb.safetensors" if make is long_header else "bomb.pt")
    make(path)
    begun = time.process_time()
    with pytest.raises(WeightsError) as error:
        read_weights(path)
    assert time.process_time() - begun < FEW_SECONDS
    first = str(error.value).splitlines()[0]
    assert first.startswith(f"{path.name} was refused: {why}")
    assert first.endswith("; no weights need that")


def test_a_number_of_bytes_is_never_allocated(tmp_path: Path) -> None:
    bytes_by_number(tmp_path / "bomb.pt")
    with pytest.raises(WeightsError) as error:
        read_weights(tmp_path / "bomb.pt")
    assert "bomb.pt holds a bytearray, not tensors by name" in str(error.value)


@pytest.mark.parametrize(("shape", "kind"), [((10**6, 10**6), "repeat"), ((10**9, 8), "repeat")])
def test_tensors_that_repeat_a_value_are_refused(
    shape: tuple[int, ...], kind: str, tmp_path: Path
) -> None:
    torch.save({"w": torch.zeros(1, dtype=torch.float16).expand(shape)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError) as error:
        state_dict_of(read_weights(tmp_path / "w.pt").content, source="w.pt")
    assert str(error.value).startswith(f"w.pt was refused: its tensors {kind} their values: ")


def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2, 2).to_sparse()}, tmp_path / "w.pt")
    with pytest.raises(WeightsError):
        state_dict_of(read_weights(tmp_path / "w.pt").content, source="w.pt")


def test_a_whole_training_state_is_read(tmp_path: Path) -> None:
    parameters = {f"visual.part.{n}.weight": torch.ones(3) * n for n in range(600)}
    slots = {n: {"step": torch.tensor(1.0), "exp_avg": torch.ones(3)} for n in range(600)}
    content = {"model": parameters, "optimizer": {"state": slots}, "epoch": 3}
    torch.save(content, tmp_path / "w.pt")
    torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(parameters, tmp_path / "w.safetensors")
    for name in ("w.pt", "old.pt", "w.safetensors"):
        found = state_dict_of(read_weights(tmp_path / name).content)
        assert list(map(float, found["visual.part.7.weight"])) == [7.0, 7.0, 7.0]
