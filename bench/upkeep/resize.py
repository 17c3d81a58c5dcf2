"""Smaller copies of a folder of videos: in parallel, verified, and once for each.

The copies keep their relative names up to the extension, so that manifests and lists find them. A
copy gets its name after it was verified, and a journal says which original it was made of; whoever
kills the process loses the copies that were not finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from bench.data.video.folder_index import index_folder
from bench.data.video.storage import locate, note_variant, variant_of
from bench.ground.errors import DataError, UsageError, unknown_name
from bench.ground.locks import alone_in
from bench.ground.worker_pool import Lost, WorkerPool
from bench.upkeep.resize_video import (
    CODECS,
    ResizeError,
    available_codecs,
    look_at,
    resize_video,
)

JOURNAL = ".resized.jsonl"
UNFINISHED = ".unfinished"

Smaller = Literal["copy", "link", "skip"]
"""What happens with a video whose short side is not above the wanted one."""

Done = Literal["resized", "copied", "linked", "skipped"]


@dataclass(frozen=True)
class ResizeOptions:
    """How copies are made.

    Attributes:
        short_side: Pixels; even.
        codec: Name in ``resize_video.CODECS``.
        quality: ``crf``, or ``qscale`` for mpeg4; None: the codec's own.
        smaller: What happens with videos that are small already; none is ever enlarged.
        jobs: Worker processes.
        time_limit: Seconds for one video.
    """

    short_side: int = 256
    codec: str = "h264"
    quality: int | None = None
    smaller: Smaller = "copy"
    jobs: int = 1
    time_limit: float = 900.0

    @property
    def variant(self) -> str:
        """What tells numbers on the copies from numbers on the originals."""
        _, codec, quality, _ = self.recipe
        return f"resized: short side {self.short_side}, {codec}, quality {quality}"

    @property
    def recipe(self) -> list[object]:
        """What decides a copy's content; part of the journal."""
        quality = CODECS[self.codec].quality if self.quality is None else self.quality
        return [self.short_side, self.codec, quality, self.smaller]


@dataclass(frozen=True)
class ResizeReport:
    """What became of the videos.

    Attributes:
        counts: ``resized``, ``copied``, ``linked``, ``skipped`` (small already), ``known`` (done
            by an earlier run) -> number.
        failures: Relative path -> reason code and detail.
        bytes_before: Of the originals that were resized now.
        bytes_after: Of their copies.
    """

    counts: dict[str, int]
    failures: dict[str, tuple[str, str]]
    bytes_before: int
    bytes_after: int


Progress = Callable[[int, int], None]
"""Called with how many of how many are finished."""


@dataclass(frozen=True)
class _Task:
    source: Path
    path: str
    target: Path
    temporary: Path
    owner: int
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class _Outcome:
    done: Done
    target: Path | None = None
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class _Failure:
    reason: str
    detail: str


@dataclass(frozen=True)
class _Entry:
    """A line of the journal."""

    path: str
    target: str
    done: str
    recipe: list[object]
    size: int
    mtime_ns: int
    target_size: int
    target_mtime_ns: int


@dataclass
class _Tally:
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("resized", "copied", "linked", "skipped", "known"), 0
        )
    )
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    before: int = 0
    after: int = 0


def resize_videos(
    videos: Path, out: Path, options: ResizeOptions, progress: Progress | None = None
) -> ResizeReport:
    """Make smaller copies of all videos below a folder.

    Args:
        videos: Where they lie; only read.
        out: Where the copies go; made if need be.
        options: How.
        progress: Called after each video that was worked on.

    Raises:
        UsageError: The options or folders contradict each other, there is no such encoder here, or
            another process is at it.
        DataError: The videos cannot be listed, or ``out`` cannot be written to.
    """
    _check(videos, out, options)
    with alone_in(out):
        earlier = variant_of(videos)
        note_variant(out, options.variant + (f" (before: {earlier})" if earlier else ""))
        tally = _Tally()
        known = _read_journal(out / JOURNAL)
        tasks = list(_tasks(videos, out, options, known, tally))
        _carry_out(tasks, known, out, options, tally, progress)
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return ResizeReport(tally.counts, tally.failures, tally.before, tally.after)


def _check(videos: Path, out: Path, options: ResizeOptions) -> None:
    if not videos.is_dir():
        raise DataError("the folder of the videos does not exist", got=str(videos))
    inner, outer = out.resolve(), videos.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise UsageError(
            "copies do not go among the originals",
            got=f"--videos {videos} and --out {out}",
            next_step="name a folder beside the videos with --out",
        )
    if options.codec not in CODECS:
        raise unknown_name("codec", options.codec, CODECS)
    if options.codec not in available_codecs():
        raise UsageError(
            f"the installed PyAV has no encoder for {options.codec}",
            allowed=", ".join(available_codecs()) or "(none of its encoders is known here)",
            next_step="choose another with --codec, or install PyAV from its wheel: pip install av",
        )
    if options.short_side < 16 or options.short_side % 2:
        raise UsageError(
            "this short side cannot be encoded",
            got=options.short_side,
            allowed="an even number of pixels, 16 or more",
        )


def _tasks(
    videos: Path, out: Path, options: ResizeOptions, known: dict[str, _Entry], tally: _Tally
) -> Iterator[_Task]:
    """What is still to do; notes what is known, and what has no place."""
    try:
        listed = [path for path, _ in index_folder(videos).files()]
    except OSError as error:
        raise DataError(
            "cannot list the video folder", got=f"{error.filename}: {error.strerror}"
        ) from error
    if not listed:
        raise DataError("there are no videos to resize", got=str(videos))
    claimed: dict[str, str] = {}
    for path in listed:
        target = str(PurePosixPath(path).with_suffix(CODECS[options.codec].suffix))
        owner = claimed.setdefault(target, path)
        if owner != path:
            tally.failures[path] = ("name_clash", f"its copy would be that of {owner}")
            continue
        try:
            file = locate(videos / path)
        except OSError as error:
            tally.failures[path] = ("not_readable", error.strerror or str(error))
            continue
        if _is_known(known.get(path), out, file.size, file.mtime_ns, options):
            tally.counts["known"] += 1
            continue
        digest = hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:16]
        yield _Task(
            source=videos / path,
            path=path,
            target=out / target,
            # With our number: a worker of a killed run may still be at the same video.
            temporary=out / UNFINISHED / f"{digest}.{os.getpid()}",
            owner=os.getpid(),
            size=file.size,
            mtime_ns=file.mtime_ns,
        )


def _is_known(
    entry: _Entry | None, out: Path, size: int, mtime_ns: int, options: ResizeOptions
) -> bool:
    """Whether a copy of this very file by this very recipe is there, as it was verified."""
    if entry is None or entry.recipe != options.recipe:
        return False
    if (entry.size, entry.mtime_ns) != (size, mtime_ns):
        return False
    if entry.done == "skipped":
        return True
    try:
        facts = (out / entry.target).stat()
    except OSError:
        return False
    return (facts.st_size, facts.st_mtime_ns) == (entry.target_size, entry.target_mtime_ns)


def _carry_out(
    tasks: list[_Task],
    known: dict[str, _Entry],
    out: Path,
    options: ResizeOptions,
    tally: _Tally,
    progress: Progress | None,
) -> None:
    try:
        (out / UNFINISHED).mkdir(exist_ok=True)
        journal = (out / JOURNAL).open("ab", buffering=0)
        if _is_cut_off(out / JOURNAL):
            journal.write(b"\n")
    except OSError as error:
        raise DataError(
            "cannot write to the folder of the copies", got=f"{out}: {error.strerror}"
        ) from error
    pool: WorkerPool[_Task, _Outcome | _Failure] = WorkerPool(
        _Work(options), options.jobs, time_limit=options.time_limit
    )
    with journal, closing(pool):
        for done, (position, result) in enumerate(pool.run_as_completed(tasks), 1):
            task = tasks[position]
            if isinstance(result, Lost | _Failure):
                tally.failures[task.path] = (result.reason, result.detail)
            else:
                journal.write(_line(task, result, options, out))
                _discard(known.get(task.path), result, out)
                tally.counts[result.done] += 1
                if result.done == "resized":
                    tally.before += task.size
                    tally.after += result.size
            if progress is not None:
                progress(done, len(tasks))


@dataclass(frozen=True)
class _Work:
    """What a worker does with one video; picklable."""

    options: ResizeOptions

    def __call__(self, task: _Task) -> _Outcome | _Failure:
        try:
            return self._make(task)
        except ResizeError as error:
            return _Failure(error.reason, error.detail)
        except OSError as error:
            return _Failure("cannot_write", error.strerror or str(error))
        finally:
            task.temporary.unlink(missing_ok=True)

    def _make(self, task: _Task) -> _Outcome:
        options = self.options
        original = look_at(task.source)
        task.target.parent.mkdir(parents=True, exist_ok=True)
        if original.shape.short_side <= options.short_side:
            return self._keep(task)
        codec = CODECS[options.codec]
        quality = codec.quality if options.quality is None else options.quality
        wanted = original.shape.scaled(options.short_side)
        resize_video(task.source, original, task.temporary, wanted, codec, quality)
        return self._publish(task, task.target, "resized")

    def _keep(self, task: _Task) -> _Outcome:
        """A video that is small already, under its own name."""
        if self.options.smaller == "skip":
            return _Outcome("skipped")
        target = task.target.with_name(PurePosixPath(task.path).name)
        if self.options.smaller == "link" and task.source.is_file():
            task.temporary.unlink(missing_ok=True)
            task.temporary.symlink_to(task.source.resolve())
            return self._publish(task, target, "linked")
        task.temporary.write_bytes(locate(task.source).read())
        return self._publish(task, target, "copied")

    def _publish(self, task: _Task, target: Path, done: Done) -> _Outcome:
        facts = locate(task.source)
        if (facts.size, facts.mtime_ns) != (task.size, task.mtime_ns):
            raise ResizeError("changed", "the original was written to meanwhile")
        if done != "linked":
            with task.temporary.open("rb") as file:
                os.fsync(file.fileno())
        if os.getppid() != task.owner:
            raise ResizeError("stopped", "the run that asked for it was killed")
        task.temporary.replace(target)
        made = target.stat()
        return _Outcome(done, target, made.st_size, made.st_mtime_ns)


def _discard(before: _Entry | None, now: _Outcome, out: Path) -> None:
    """Another recipe may have given the copy another extension; two would be ambiguous."""
    if before is None or not before.target:
        return
    if now.target is None or out / before.target != now.target:
        (out / before.target).unlink(missing_ok=True)


def _line(task: _Task, outcome: _Outcome, options: ResizeOptions, out: Path) -> bytes:
    target = "" if outcome.target is None else outcome.target.relative_to(out).as_posix()
    entry = _Entry(
        path=task.path,
        target=target,
        done=outcome.done,
        recipe=options.recipe,
        size=task.size,
        mtime_ns=task.mtime_ns,
        target_size=outcome.size,
        target_mtime_ns=outcome.mtime_ns,
    )
    return json.dumps(asdict(entry)).encode() + b"\n"


def _is_cut_off(file: Path) -> bool:
    """Whether a killed run left half a line at the end."""
    with file.open("rb") as journal:
        journal.seek(max(0, journal.seek(0, os.SEEK_END) - 1))
        return journal.read() not in (b"", b"\n")


def _read_journal(file: Path) -> dict[str, _Entry]:
    """The last line of each video; a line that was cut off is as if it were not there."""
    entries: dict[str, _Entry] = {}
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            entry = _Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue
        entries[entry.path] = entry
    return entries
