"""Weight files: where they are, what they hash to, and the tensors in them.

Nothing pickled is executed: ``torch.load(weights_only=True)``, safetensors, or the inert reader of
``bench/clip/inert_pickle.py``. Imports torch only when a file is read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.clip.backbone_ref import BackboneRef
from bench.clip.bounded_reading import (
    PLAIN_GLOBALS,
    TooMuch,
    check_archive,
    check_header,
    scan_legacy,
)
from bench.ground.errors import WeightsError
from bench.ground.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["torch", "torchscript", "safetensors"]

OPENAI_RELEASES = {
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f": "ViT-B-16",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af": "ViT-B-32",
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836": "ViT-L-14",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02": "ViT-L-14-336px",
}
"""SHA-256 of the files OpenAI released -> file stem. They were trained with QuickGELU."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsFile:
    """What a weights file holds.

    Attributes:
        content: As stored: tensors by name, or containers of such.
        layout: Kind of file.
        metadata: Header of a safetensors file.
    """

    content: Mapping[str, Any]
    layout: Layout
    metadata: Mapping[str, str] = field(default_factory=dict)


def find_weights(ref: BackboneRef) -> Path:
    """The weights file of a backbone; never looks for it on the network.

    Raises:
        WeightsError: No file is named, or it does not exist: what to fetch and where to put it.
    """
    if ref.weights is not None and Path(ref.weights).is_file():
        return Path(ref.weights)
    stem = Path(ref.model).stem.removesuffix("-quickgelu")
    place = ref.weights or f"weights/{stem}.pt"
    release = {name: sha256 for sha256, name in OPENAI_RELEASES.items()}.get(stem)
    source = "the file that its authors publish"
    if release is not None:
        source = f"https://openaipublic.azureedge.net/clip/models/{release}/{stem}.pt"
    raise WeightsError(
        f"the weights of {stem} are not there"
        if ref.weights is not None
        else f"no weights file is named for {stem}",
        got=ref.weights or "backbone.weights = None",
        allowed="a .pt/.pth file of torch or a .safetensors file with CLIP weights",
        next_step=f"download {source}\n           to {place}"
        + ("" if ref.weights is not None else f" and set backbone.weights = '{place}'"),
    )


def file_sha256(path: Path, cache: Path | None = None) -> str:
    """SHA-256 of a file, remembered by path, size and modification time.

    Args:
        path: The file.
        cache: Folder in which the hash is remembered across processes, or None.
    """
    stat = path.stat()
    key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    if key in _HASHES:
        return _HASHES[key]
    note = None
    if cache is not None:
        note = cache / "sha256" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        known = _noted(note)
        if known is not None:
            _HASHES[key] = known
            return known
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    _HASHES[key] = digest.hexdigest()
    if note is not None:
        _write_note(note, {"file": key, "sha256": _HASHES[key]})
    return _HASHES[key]


def _noted(note: Path) -> str | None:
    """A hash that was remembered; None where there is none, or not one that can be read."""
    try:
        return str(json.loads(note.read_bytes())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_note(note: Path, content: Mapping[str, str]) -> None:
    """Remember a hash; only a saving, so a folder that refuses it is no error."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(note, json.dumps(content), durable=False)
    except OSError as error:
        _log.info("the hash of %s is not remembered: %s", content["file"], error)


_HASHES: dict[str, str] = {}


def read_weights(path: Path) -> WeightsFile:
    """Read a weights file without running anything in it.

    Raises:
        WeightsError: Missing, empty, truncated, of an unknown format, with code in its pickle, or
            made to cost more than weights can need.
    """
    if not path.is_file():
        raise WeightsError("no such weights file", got=str(path), next_step="check the path")
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(
            f"{path.name} is a Git LFS pointer, not the weights",
            got=str(path),
            next_step="run 'git lfs pull' where it was cloned",
        )
    if len(head) < 64 or head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "a web page" if head.lstrip().startswith(b"<") else f"{path.stat().st_size} bytes"
        raise WeightsError(
            f"{path.name} holds no weights but {what}",
            got=str(path),
            next_step="fetch the file again",
        )
    try:
        return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except TooMuch as excess:
        raise too_much(path, excess) from excess


def _read_safetensors(path: Path) -> WeightsFile:
    from safetensors import SafetensorError, safe_open

    check_header(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return WeightsFile(tensors, "safetensors", dict(file.metadata() or {}))
    except SafetensorError as error:
        raise _damaged(path, error) from error


def _read_torch(path: Path) -> WeightsFile:
    import torch

    from bench.clip.inert_pickle import module_tensors, read_archive

    names = _archived(path)
    if names is not None and any(name.endswith("/constants.pkl") for name in names):
        return WeightsFile(module_tensors(read_archive(path)), "torchscript")
    if not _is_plain(path, names):
        content = read_archive(path)
    else:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged bytes make torch.load raise nearly anything
            raise _damaged(path, error) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path.name} holds a {type(content).__name__}, not tensors by name", got=str(path)
        )
    return WeightsFile(content, "torch")


def _archived(path: Path) -> list[str] | None:
    """Names of what a zip archive holds; None for another file. TorchScript has constants."""
    try:
        if not zipfile.is_zipfile(path):
            return None
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except TooMuch:
        raise
    except Exception as error:  # damaged bytes make zipfile raise nearly anything
        raise _damaged(path, error) from error


def _is_plain(path: Path, names: list[str] | None) -> bool:
    """Whether a file's pickle makes plain tensors only, which torch builds at bounded cost.

    Args:
        path: A file of torch, looked through without building anything.
        names: What it holds if it is an archive; None: it has torch's old format.

    Raises:
        WeightsError: It is damaged, or has more than tensors in the old format.
    """
    try:
        if names is not None:
            from bench.clip.inert_pickle import scan_archive

            return scan_archive(path).names <= PLAIN_GLOBALS
        foreign = sorted(scan_legacy(path).names - PLAIN_GLOBALS)
    except (TooMuch, WeightsError):
        raise
    except Exception as error:  # damaged bytes make pickletools raise nearly anything
        raise _damaged(path, ValueError("its contents do not follow torch's format")) from error
    if foreign:
        raise _old_format(path, foreign[0].replace(" ", "."))
    return True


def _old_format(path: Path, named: str) -> WeightsError:
    return WeightsError(
        f"{path.name} holds more than tensors ({named}) in torch's old format and was refused; "
        "nothing was run",
        got=str(path),
        next_step="where you trust it, save its state dict with safetensors.torch.save_file",
    )


def too_much(path: Path, excess: TooMuch) -> WeightsError:
    """The error for a file that costs more than weights can need."""
    return WeightsError(
        f"{path.name} was refused: {excess}; no weights need that",
        got=f"{path} ({path.stat().st_size} bytes)",
        next_step="take the weights from a source you trust, as safetensors if it has them",
    )


def _damaged(path: Path, error: Exception) -> WeightsError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0]
    return WeightsError(
        f"{path.name} is truncated, damaged or no weights file: {first[:200]}",
        got=f"{path} ({path.stat().st_size} bytes)",
        next_step="fetch the file again and compare its size or checksum with the source's",
    )


def state_dict_of(
    content: Mapping[str, Any],
    containers: Sequence[str] | None = None,
    *,
    source: str = "the file",
) -> dict[str, Tensor]:
    """The tensors by name, out of their container and without what wrappers put in front.

    Args:
        content: What a file holds.
        containers: Keys that may hold the state dict, tried in order; None: the usual ones.
        source: What to call it in errors and in the log.

    Raises:
        WeightsError: There are no tensors where they should be, or they are larger than the file.
    """
    from bench.clip.bounded_reading import check_expansion
    from bench.clip.wrappers import CONTAINERS, unwrap

    found = unwrap(content, containers or CONTAINERS, source=source)
    try:
        check_expansion(found.tensors)
    except TooMuch as excess:
        raise WeightsError(
            f"{source} was refused: {excess}; no weights need that",
            next_step="take the weights from a source you trust",
        ) from excess
    for step in found.steps:
        _log.warning("%s: %s", source, step)
    return found.tensors
