"""Limits on what a weights file of a stranger may cost before anything in it is built.

A file of a few kilobytes can ask for minutes of time or more memory than there is: entries of a
zip archive that unpack to gigabytes or share the same bytes, tuples that are hashed exponentially
often, millions of pickle operations, tensors that repeat one value a billion times. Real weights
need none of this, so each is refused. What is left costs memory in proportion to the size of the
file, and little time.
"""

from __future__ import annotations

import pickletools
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MAX_DIRECTORY = 32 << 20
"""Bytes of a zip archive's list of entries."""
MAX_HEADER = 16 << 20
"""Bytes of a safetensors header."""
MAX_PICKLE = 64 << 20
"""Bytes of a pickle; the tensors' values lie outside it."""
MAX_OPERATIONS = 1_000_000
"""Operations in a pickle; a training state of ViT-L/14 has about 50,000."""
MAX_LONG_INTEGERS = 10_000
"""Whole numbers beyond 32 bits in a pickle; many of them can be given one and the same hash."""
MAX_TUPLE = 100_000
"""Values in a tuple, those of the tuples inside it included."""
MAX_DEPTH = 100
"""Tuples inside each other, and modules inside each other."""
MAX_EXPANSION = 4
"""How many times the bytes of their storages all tensors may have, beyond 64 MiB."""

_LEGACY_PICKLES = 5
"""In torch's old format: magic number, version, machine, content, names of the storages."""

PLAIN_GLOBALS = frozenset(
    {
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "collections OrderedDict",
        "torch Size",
        "torch device",
        "torch FloatStorage",
        "torch DoubleStorage",
        "torch HalfStorage",
        "torch BFloat16Storage",
        "torch LongStorage",
        "torch IntStorage",
        "torch ShortStorage",
        "torch CharStorage",
        "torch ByteStorage",
        "torch BoolStorage",
    }
)
"""What a pickle of plain tensors names, and what torch builds at no more than the file's size."""


class TooMuch(Exception):
    """A file asks for more than weights can need; the text says what."""


@dataclass
class Scan:
    """What a pickle would do.

    Attributes:
        names: What it names, ``module name``; a name that is put together on the way is ``?``.
    """

    names: set[str] = field(default_factory=set)


def check_archive(path: Path) -> None:
    """Refuse a zip archive whose entries are more than the file.

    Raises:
        TooMuch: Its list of entries is too long, or its entries share bytes.
        zipfile.BadZipFile: It is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        listed = _directory_size(file, size)
    if listed > MAX_DIRECTORY:
        raise TooMuch(f"its list of entries has {listed:,} bytes")
    with zipfile.ZipFile(path) as archive:
        held = sum(entry.compress_size for entry in archive.infolist())
        if held > size:
            raise TooMuch(f"its entries share bytes: {held:,} bytes in a file of {size:,}")


def check_entry(entry: zipfile.ZipInfo, *, limit: int | None = None) -> None:
    """Refuse an entry that torch would not write like this.

    Args:
        entry: What is about to be read.
        limit: The most bytes it may have.

    Raises:
        TooMuch: It is compressed, which torch does not do, or too large.
    """
    if entry.compress_type != zipfile.ZIP_STORED:
        raise TooMuch(
            f"its entry {entry.filename} is compressed: {entry.compress_size:,} bytes "
            f"would become {entry.file_size:,}"
        )
    if limit is not None and entry.file_size > limit:
        raise TooMuch(f"its entry {entry.filename} has {entry.file_size:,} bytes")


def _directory_size(file: IO[bytes], size: int) -> int:
    """Bytes of a zip archive's list of entries, as its last records state; 0 where none does."""
    start = max(0, size - (1 << 16) - 200)
    file.seek(start)
    tail = file.read()
    found = 0
    end = tail.rfind(b"PK\x05\x06")
    if 0 <= end <= len(tail) - 22:
        found = struct.unpack_from("<L", tail, end + 12)[0]
    large = tail.rfind(b"PK\x06\x06")
    if 0 <= large <= len(tail) - 56:
        wide = struct.unpack_from("<Q", tail, large + 40)[0]
        found = wide if found == 0xFFFFFFFF else max(found, wide)
    return int(found)


def check_header(path: Path) -> None:
    """Refuse a safetensors file whose header is longer than any list of weights.

    Raises:
        TooMuch: It is.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if MAX_HEADER < length <= path.stat().st_size:
        raise TooMuch(f"its header has {length:,} bytes")


def scan_pickle(file: IO[bytes]) -> Scan:
    """Go through the next pickle of a file without doing what it says.

    Raises:
        TooMuch: It would take too long.
        Exception: It is damaged (``pickletools`` raises nearly anything).
    """
    machine = _Machine()
    longs = 0
    for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if number > MAX_OPERATIONS:
            raise TooMuch(f"its pickle has more than {MAX_OPERATIONS:,} operations")
        if operation.name in _LONGS:
            longs += 1
            if longs > MAX_LONG_INTEGERS:
                raise TooMuch(f"its pickle has more than {MAX_LONG_INTEGERS:,} long integers")
        machine.take(operation.name, argument)
    return machine.scan


def scan_legacy(path: Path) -> Scan:
    """``scan_pickle`` of the pickles of a file in torch's old format; ends where one has code."""
    names: set[str] = set()
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):
            names |= scan_pickle(file).names
            if not names <= PLAIN_GLOBALS:
                break
    return Scan(names)


_LONGS = frozenset({"LONG", "LONG1", "LONG4"})
_TUPLES = frozenset({"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_MARK = (-1, 0)
_VALUE = (1, 0)
"""Values and depth of anything that is no tuple."""


def _effect(operation: pickletools.OpcodeInfo) -> tuple[int, bool, int]:
    """Items an operation takes off the stack, whether down to the mark, and items it puts on."""
    before = list(operation.stack_before)
    to_mark = pickletools.markobject in before
    taken = before.index(pickletools.markobject) if to_mark else len(before)
    return taken, to_mark, len(operation.stack_after)


_EFFECTS = {operation.name: _effect(operation) for operation in pickletools.opcodes}


class _Machine:
    """The stack of a pickle, with the size of each tuple in place of the value."""

    def __init__(self) -> None:
        self.scan = Scan()
        self._stack: list[tuple[int, int]] = []
        self._memo: dict[int, tuple[int, int]] = {}

    def take(self, name: str, argument: object) -> None:
        """Follow one operation."""
        stack = self._stack
        if name in ("GLOBAL", "INST"):
            self.scan.names.add(str(argument))
        elif name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            self.scan.names.add("?")
        if name in _GETS:
            stack.append(self._memo[int(argument)])  # type: ignore[call-overload]
        elif name in _PUTS:
            self._memo[int(argument)] = stack[-1]  # type: ignore[call-overload]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "MARK":
            stack.append(_MARK)
        else:
            self._run(name)

    def _run(self, name: str) -> None:
        taken, to_mark, put = _EFFECTS[name]
        parts: list[tuple[int, int]] = []
        if to_mark:
            while (top := self._stack.pop()) is not _MARK:
                parts.append(top)
        for _ in range(taken):
            parts.append(self._stack.pop())
        made = _VALUE
        if name in _TUPLES:
            made = (
                1 + sum(size for size, _ in parts),
                1 + max((deep for _, deep in parts), default=0),
            )
            if made[0] > MAX_TUPLE or made[1] > MAX_DEPTH:
                raise TooMuch("its pickle holds tuples in tuples, too large to be hashed")
        self._stack.extend([made] * put)


def check_expansion(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are far larger than the bytes they are made of, or not plain.

    Raises:
        TooMuch: They are.
    """
    import torch

    stored: dict[int, int] = {}
    whole = 0
    for name, tensor in tensors.items():
        plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta
        if not plain:
            raise TooMuch(f"{name} is sparse, quantised or without values")
        storage = tensor.untyped_storage()
        stored[storage.data_ptr()] = storage.nbytes()
        whole += tensor.numel() * tensor.element_size()
    if whole > MAX_EXPANSION * sum(stored.values()) + (64 << 20):
        raise TooMuch(
            f"its tensors repeat their values: {whole:,} bytes out of {sum(stored.values()):,}"
        )
