"""The public release's lists and labels, where the user has a copy: ``BENCH_RELEASED`` names it.

Its folder holds ``labels/`` and ``datasets_splits/``, or the archive that the latter comes in.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path

GIVEN = os.environ.pop("BENCH_RELEASED", "")
"""Taken out of the environment: all other tests run as without it."""
REASON = "BENCH_RELEASED names no copy of the released lists"


@cache
def released_folder() -> Path | None:
    """The unpacked release, or None where there is no copy."""
    folder = Path(GIVEN)
    if not GIVEN or not (folder / "labels").is_dir():
        return None
    if (folder / "datasets_splits").is_dir():
        return folder
    archive = folder / "datasets_splits.tar.gz"
    if not archive.is_file():
        return None
    unpacked = Path(tempfile.mkdtemp(prefix="released-"))
    atexit.register(shutil.rmtree, unpacked, ignore_errors=True)
    with tarfile.open(archive) as content:
        content.extractall(unpacked, filter="data")
    (unpacked / "labels").symlink_to((folder / "labels").resolve())
    return unpacked
