"""Read the pickle inside a torch zip archive without running anything in it.

``torch.load(weights_only=True)`` refuses a whole checkpoint for one configuration object in it.
Here tensors are rebuilt by our own code and every other class becomes inert data. A pickle that
asks for a function to be *called* is refused, unless it is a known constructor of data, which then
is not called either. The same reader serves TorchScript archives: their code is never compiled.

Format: pickle protocol with persistent ids ``("storage", type, key, device, elements)``; storages
are the entries ``<archive>/data/<key>``.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from bench.clip.bounded_reading import (
    MAX_DEPTH,
    MAX_PICKLE,
    Scan,
    TooMuch,
    check_entry,
    scan_pickle,
)
from bench.ground.errors import WeightsError

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}

_BUILTINS = "bytearray bytes complex dict float frozenset int list object range set slice str tuple"

_CONSTRUCTORS_OF_DATA = {
    *((module, name) for module in ("builtins", "__builtin__") for name in _BUILTINS.split()),
    ("collections", "Counter"),
    ("collections", "deque"),
    ("copyreg", "_reconstructor"),
    ("copy_reg", "_reconstructor"),
    ("collections", "defaultdict"),
    ("argparse", "Namespace"),
    ("types", "SimpleNamespace"),
    ("pathlib", "Path"),
    ("pathlib", "PosixPath"),
    ("pathlib", "PurePosixPath"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("_codecs", "encode"),
    ("torch", "device"),
    ("torch.serialization", "_get_layout"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("torch.jit._pickle", "build_intlist"),
    ("torch.jit._pickle", "build_doublelist"),
    ("torch.jit._pickle", "build_boollist"),
    ("torch.jit._pickle", "build_tensorlist"),
    ("torch.jit._pickle", "restore_type_tag"),
}


class PickledCode(Exception):
    """The pickle asks for something to be called."""


class _InertType(type):
    """Makes ``Class(...)`` in a pickle an error unless it is a known constructor of data."""

    harmless: bool

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not cls.harmless:
            raise PickledCode(f"{cls.__module__}.{cls.__name__}")
        make: Any = cls.__new__
        return make(cls, *args, **kwargs)


class Inert(metaclass=_InertType):
    """What an object of an unknown class becomes: its parts, without behaviour.

    Attributes:
        args: Arguments it would have been made with.
        state: What its ``__setstate__`` would have got; attributes by name for plain classes.
        items: Entries, if it was a mapping.
        elements: Elements, if it was a list.
    """

    harmless = False
    args: tuple[Any, ...]
    state: Any
    items: dict[Any, Any]
    elements: list[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        made = object.__new__(cls)
        made.args = args
        made.state = None
        made.items = dict(kwargs)
        made.elements = []
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        """Take one element of a pickled list."""
        self.elements.append(value)

    def extend(self, values: Any) -> None:
        """Take several elements of a pickled list."""
        self.elements.extend(values)


def _inert_type(module: str, name: str) -> _InertType:
    harmless = (module, name) in _CONSTRUCTORS_OF_DATA
    return _InertType(name, (Inert,), {"__module__": module, "harmless": harmless})


def _size(lengths: Any = ()) -> tuple[int, ...]:
    """What ``torch.Size`` makes: whole numbers only."""
    if not all(isinstance(length, int) for length in lengths):
        raise pickle.UnpicklingError("a size holds something that is no number")
    return tuple(lengths)


def _rebuild_tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    """The view of ``storage`` (1-d) that a pickled tensor is; bounds are checked."""
    if any(length < 0 for length in (offset, *size, *stride)):
        raise pickle.UnpicklingError("a tensor has a negative size")
    empty = any(length == 0 for length in size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if not empty and last >= storage.numel():
        raise pickle.UnpicklingError("a tensor reaches past the end of its storage")
    return torch.as_strided(storage, size, stride, offset)


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}/data.pkl"))
        self._archive = archive
        self._root = root
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        # A function of its own for each mention: a pickle may set attributes of what it names.
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *args: _rebuild_tensor(*args)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch", "Size"):
            return _size
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return _DTYPES[name]
        return _inert_type(module, name)

    def persistent_load(self, pid: Any) -> Tensor:
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage"):
            raise pickle.UnpicklingError("a persistent id is no storage")
        _, dtype, key, _, elements = pid
        if not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("a storage has an unknown type")
        if key not in self._storages:
            entry = self._archive.getinfo(f"{self._root}/data/{key}")
            check_entry(entry)
            data = bytearray(self._archive.read(entry))
            if len(data) != elements * dtype.itemsize:
                raise pickle.UnpicklingError("a storage has another size than it says")
            self._storages[key] = torch.frombuffer(data, dtype=dtype) if data else _empty(dtype)
        return self._storages[key]


def _empty(dtype: torch.dtype) -> Tensor:
    return torch.empty(0, dtype=dtype)


def scan_archive(path: Path) -> Scan:
    """What the pickle of a torch zip archive would do; nothing is built.

    Raises:
        TooMuch: It would cost more than weights can need.
        WeightsError: The file is no torch archive.
        Exception: It is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        root = _checked_root(path, archive)
        with archive.open(f"{root}/data.pkl") as file:
            return scan_pickle(file)


def _checked_root(path: Path, archive: zipfile.ZipFile) -> str:
    """The folder that all of a torch archive lies in; no entry of it costs more than its bytes."""
    roots = [name[: -len("/data.pkl")] for name in archive.namelist() if _is_root(name)]
    if len(roots) != 1:
        _refuse(path, "it is a zip file, but not one that torch writes")
    root = roots[0]
    check_entry(archive.getinfo(f"{root}/data.pkl"), limit=MAX_PICKLE)
    byteorder = f"{root}/byteorder"
    if byteorder in archive.namelist():
        check_entry(archive.getinfo(byteorder), limit=64)
        if archive.read(byteorder) != b"little":
            _refuse(path, "it was written on a big-endian machine")
    return root


def read_archive(path: Path) -> Any:
    """What a torch zip archive holds, with every unknown class as ``Inert`` data.

    Raises:
        WeightsError: The file is damaged, no torch archive, or asks for code to be run.
        TooMuch: It would cost more than weights can need.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _checked_root(path, archive)
            with archive.open(f"{root}/data.pkl") as file:
                scan_pickle(file)
            return _Unpickler(archive, root).load()
    except PickledCode as error:
        raise WeightsError(
            f"{path.name} asks for code to be run ({error}) and was refused; nothing was run",
            got=str(path),
            next_step="take the weights from a source you trust, as safetensors if it has them",
        ) from error
    except zipfile.BadZipFile as error:
        raise WeightsError(
            f"{path.name} is truncated or damaged: {error}",
            got=f"{path} ({path.stat().st_size} bytes)",
            next_step="fetch the file again and compare its size or checksum with the source's",
        ) from error
    except (TooMuch, WeightsError):
        raise
    except Exception as error:  # damaged bytes make pickle and zipfile raise nearly anything
        _refuse(path, f"its contents do not follow torch's format ({error})")


def _is_root(name: str) -> bool:
    return name.endswith("/data.pkl") and name.count("/") == 1


def _refuse(path: Path, why: str) -> NoReturn:
    raise WeightsError(
        f"{path.name} cannot be read: {why}",
        got=str(path),
        next_step="save its state dict with safetensors.torch.save_file and give that file",
    )


def module_tensors(root: Any) -> dict[str, Tensor]:
    """The tensors of a pickled module tree (TorchScript) by dotted attribute name.

    Raises:
        TooMuch: The modules are nested deeper than those of any network.
    """
    return dict(_walk(root, "", 0, set()))


def _walk(node: Any, prefix: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(node, Tensor):
        yield prefix, node
        return
    if depth > MAX_DEPTH:
        raise TooMuch(f"its modules are nested more than {MAX_DEPTH} deep")
    if isinstance(node, Inert):
        if id(node) in seen:
            return
        seen.add(id(node))
        node = node.state
    if isinstance(node, Mapping):
        for name, value in node.items():
            if isinstance(value, (Tensor, Inert)):
                inner = f"{prefix}.{name}" if prefix else str(name)
                yield from _walk(value, inner, depth + 1, seen)
