"""What a training does about clips that cannot be used: stop, leave them out, or replace them.

A replacement is another clip of the same class in the same list. Which one follows from the seed
of the training, the epoch and the two clips alone, so a training that was stopped, or that decodes
in more processes, replaces alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from bench.data.lists.clips import ClipSet
from bench.data.loading.clip_loader import LoadedClip
from bench.engine.bad_clips import TRAINING_CHOICES, BadClips
from bench.engine.training.batches import MicroStep
from bench.ground.errors import DataError
from bench.ground.seeds import derive_seed
from bench.planning.jobs import TrainJob
from results.run.records import BadClip

Batches = Iterator[list[LoadedClip | BadClip]]


class Loader(Protocol):
    """What gives the clips of micro-batches; see ``ClipLoader.train``."""

    def train(self, batches: Iterable[Sequence[int]], *, epoch: int) -> Batches:
        """One item a position, in order."""
        ...

    def close(self) -> None:
        """End what it started."""
        ...


class UsableClips:
    """Picks the clips that gave frames, under the training's policy. Close it when done.

    Args:
        job: The training.
        clips: Its list.
        open_loader: Gives a loader of the same list, which replacements are read with.

    Attributes:
        bad: The clips that cannot be used.
        replaced: How many times another clip of its class took the place of one of them.
        left_out: How many times there was nothing in its place.
    """

    def __init__(self, job: TrainJob, clips: ClipSet, open_loader: Callable[[], Loader]) -> None:
        self._job, self._clips, self._open = job, clips, open_loader
        self._loader: Loader | None = None
        self.bad = BadClips(clips, job.policy, choices=TRAINING_CHOICES)
        self.replaced = self.left_out = 0

    def resume(self, known: Iterable[BadClip], replaced: int, left_out: int) -> None:
        """Go on where an earlier attempt was."""
        self.bad = BadClips(self._clips, self._job.policy, known, choices=TRAINING_CHOICES)
        self.replaced, self.left_out = replaced, left_out

    def close(self) -> None:
        """End the loader of replacements, if there is one."""
        if self._loader is not None:
            self._loader.close()

    def groups(
        self, step: MicroStep, items: list[LoadedClip | BadClip], rest: Batches, epoch: int
    ) -> list[list[LoadedClip]]:
        """The clips of each group of a micro-step that have frames, or stand in for one.

        Args:
            step: Which positions of the list belong together.
            items: What was loaded for them.
            rest: What would be loaded next; searched for more bad clips under ``error``.
            epoch: 0-based.

        Raises:
            DataError: A clip cannot be used and the policy is ``error``, or no clip of its class
                can take its place.
        """
        remaining = iter(items)
        groups: list[list[LoadedClip]] = []
        for group in step.groups:
            groups.append([])
            for position in group.clips:
                item = next(remaining)
                if isinstance(item, LoadedClip):
                    groups[-1].append(item)
                    continue
                self.bad.note(item, chain(remaining, chain.from_iterable(rest)))
                if self._job.policy == "replace-within-class":
                    groups[-1].append(self._substitute(position, epoch))
                    self.replaced += 1
                else:
                    self.left_out += 1
        return groups

    def _substitute(self, position: int, epoch: int) -> LoadedClip:
        """The first clip of the class, in an order drawn for this clip and epoch, with frames."""
        if self._loader is None:
            self._loader = self._open()
        for candidate in self._candidates(position, epoch):
            if self._clips.clips[candidate].id in self.bad:
                continue
            ((item,),) = self._loader.train([[candidate]], epoch=epoch)
            if isinstance(item, LoadedClip):
                return item
            self.bad.note(item, iter(()))
        clip = self._clips.clips[position]
        raise DataError(
            f"no clip of class '{self._clips.class_names[clip.label]}' in "
            f"{self._clips.dataset}/{self._clips.name} can take the place of {clip.id}",
            got="none of them gives frames",
            next_step="replace the files, or set train_policy = 'skip' in the configuration",
        )

    def _candidates(self, position: int, epoch: int) -> list[int]:
        clips = self._clips.clips
        wanted = clips[position]

        def rank(other: int) -> int:
            return derive_seed(
                use="replacement",
                seed=self._job.seed,
                epoch=epoch,
                clip=wanted.id,
                by=clips[other].id,
            )

        same = [
            other
            for other, clip in enumerate(clips)
            if clip.label == wanted.label and other != position
        ]
        return sorted(same, key=rank)
