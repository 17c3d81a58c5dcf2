"""Making the mini world's files: once, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from filelock import FileLock

from bench.data.mini_world.annotations import VERSION, DatasetPlan, PlannedClip, plans
from bench.data.mini_world.encode import write_video
from bench.data.mini_world.scenes import perform
from bench.ground.errors import DataError

FOLDER = f"mini-world-{VERSION}"


def make_clip(clip: PlannedClip, path: Path) -> None:
    """Draw and encode one clip."""
    frames = perform(clip.look, clip.action, clip.frames, np.random.default_rng(clip.seed))
    write_video(path, np.ascontiguousarray(frames[::-1]) if clip.reverse else frames)


def _make_dataset(plan: DatasetPlan, folder: Path, pool: ThreadPoolExecutor) -> None:
    videos, annotations = folder / "videos", folder / "annotations"
    annotations.mkdir(parents=True)
    for parent in sorted({(videos / clip.file).parent for clip in plan.clips}):
        parent.mkdir(parents=True)
    for name, text in plan.annotations.items():
        (annotations / name).write_text(text, encoding="utf-8")
    for done in [pool.submit(make_clip, clip, videos / clip.file) for clip in plan.clips]:
        done.result()


def _generate(cache: Path, target: Path) -> None:
    for left_over in cache.glob(f".{FOLDER}-*"):
        shutil.rmtree(left_over)
    draft = Path(tempfile.mkdtemp(prefix=f".{FOLDER}-", dir=cache))
    try:
        # Encoders and array operations release the interpreter lock.
        with ThreadPoolExecutor(max_workers=2) as pool:
            for plan in plans():
                _make_dataset(plan, draft / plan.name, pool)
        draft.chmod(0o755)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def ensure(cache: Path) -> Path:
    """The mini world's folder below ``cache``; made in seconds where it is not there yet.

    Below it, each dataset has ``videos/`` and ``annotations/`` (the official files). Concurrent
    callers wait for the first; a killed one leaves nothing that a later call would take for done.

    Args:
        cache: Folder that can be written to; made where it is missing.

    Returns:
        ``cache/mini-world-<version>``.

    Raises:
        DataError: The folder cannot be written, or the disk is full.
    """
    target = cache / FOLDER
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{FOLDER}.lock"):
            if not target.is_dir():
                _generate(cache, target)
    except OSError as error:
        raise DataError(
            "the mini world cannot be written",
            got=f"{error.strerror or error} ({cache})",
            allowed="a folder that can be written, with 40 MB free",
            next_step="free space there, or name another folder as `cache` in the configuration",
        ) from error
    return target
