"""The libraries: there, of versions that fit together, and importable."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from bench.doctor.finding import Finding

AREA = "libraries"
PROJECT = "clip-video-bench"

# PyAV before decord: once decord's copy of FFmpeg is loaded, PyAV's VP9 encoder does not open.
IMPORTS = {
    "av": "av",
    "decord": "decord",
    "opencv-python": "cv2",
    "torch": "torch",
    "torchvision": "torchvision",
    "mmengine": "mmengine",
    "mmcv-lite": "mmcv",
    "mmaction2": "mmaction.datasets.transforms",
    "timm": "timm",
    "open_clip_torch": "open_clip",
    "safetensors": "safetensors.torch",
}
"""Package -> what of it is used."""


def versions() -> Iterator[Finding]:
    """Every requirement of the project, and every requirement of those among each other."""
    names = [requirement.name for requirement in _requirements(PROJECT)]
    if not names:
        detail = f"{PROJECT} is not installed, so that its requirements are not known"
        yield Finding(AREA, PROJECT, "warning", detail, "pip install -e .")
    complaints = list(_complaints(PROJECT))
    for name in names:
        complaints += _complaints(name)
    for package, requirement, found in complaints:
        detail = f"{package} needs {requirement}, " + (
            "which is not there" if found is None else f"{found} is installed"
        )
        yield Finding(
            AREA, requirement.name, "broken", detail, f"pip install '{_plain(requirement)}'"
        )
    if names and not complaints:
        yield Finding(AREA, "versions", "ok", f"{len(names)} packages fit together")
    yield from _twins()


def _twins() -> Iterator[Finding]:
    """Two packages that install the same module overwrite each other."""
    for module, packages in (
        ("mmcv", ("mmcv", "mmcv-lite")),
        ("cv2", ("opencv-python", "opencv-python-headless")),
    ):
        found = [package for package in packages if _version(package) is not None]
        if len(found) > 1 and len({_version(package) for package in found}) > 1:
            detail = f"{' and '.join(found)} both install '{module}', in different versions"
            yield Finding(AREA, module, "warning", detail, f"pip uninstall {found[0]}")


def imports() -> Iterator[Finding]:
    """Import what is used."""
    shown = []
    for package, module in IMPORTS.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # a library may fail in any way on a machine it does not fit
            said = (str(error).strip().splitlines() or [""])[0]
            yield Finding(
                AREA,
                package,
                "broken",
                f"'import {module}' fails: {type(error).__name__}: {said}",
                f"pip install --force-reinstall '{_wanted(package)}'",
            )
            continue
        shown.append(f"{package} {_version(package)}")
    if shown:
        yield Finding(AREA, "imports", "ok", ", ".join(shown))


def cuda() -> Iterator[Finding]:
    """Whether torch can use the GPUs that the driver sees."""
    import torch

    if not torch.cuda.is_available():
        from shutil import which

        if which("nvidia-smi") is None:
            return
        built = (
            "for the CPU only" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
        )
        yield Finding(
            AREA,
            "torch and CUDA",
            "warning",
            f"there is an NVIDIA driver, but torch {torch.__version__}, built {built}, sees no GPU",
            "install the PyTorch build for your driver: https://pytorch.org/get-started/locally",
        )
        return
    made_for = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        name, code = torch.cuda.get_device_name(number), f"sm_{major}{minor}"
        # Code of one generation runs on later ones of the same major number.
        fits = any(
            kind.startswith(f"sm_{major}") and int(kind[3:].rstrip("af")) <= 10 * major + minor
            for kind in made_for
        )
        yield Finding(
            AREA,
            f"torch on GPU {number}",
            "ok" if fits else "broken",
            f"{name} ({code}), torch {torch.__version__}"
            + ("" if fits else f" is built for {', '.join(made_for)}"),
            ""
            if fits
            else "install a PyTorch build for this GPU: https://pytorch.org/get-started/locally",
        )


def _requirements(package: str) -> list[Requirement]:
    try:
        lines = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # of an old package; pip would refuse to install it anew
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return found


def _complaints(package: str) -> Iterator[tuple[str, Requirement, str | None]]:
    for requirement in _requirements(package):
        found = _version(requirement.name)
        if found is None or not requirement.specifier.contains(found, prereleases=True):
            yield package, requirement, found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _wanted(package: str) -> str:
    for requirement in _requirements(PROJECT):
        if requirement.name.replace("_", "-").lower() == package.replace("_", "-").lower():
            return _plain(requirement)
    return package
