"""What follows from clips that cannot be used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from bench.data.lists.clip_lists import Policy
from bench.data.lists.clips import ClipSet
from bench.data.loading.clip_loader import LoadedClip
from bench.ground.errors import DataError
from bench.planning.jobs import TrainPolicy
from results.run.records import BadClip, Counts

SEARCH_SECONDS = 60.0
"""How long the rest of a list is searched for more bad clips, to name them all at once."""
SCORING_CHOICES = "policy = 'count-as-wrong' or 'exclude'"
TRAINING_CHOICES = "train_policy = 'replace-within-class' or 'skip'"
_NAMED = 20


class BadClips:
    """Gathers the clips that cannot be used, under a policy.

    Args:
        clips: The list they belong to.
        policy: ``error`` stops the job; the others let it go on without them.
        known: Those of an earlier attempt.
        choices: What the error offers.
    """

    def __init__(
        self,
        clips: ClipSet,
        policy: Policy | TrainPolicy,
        known: Iterable[BadClip] = (),
        *,
        choices: str = SCORING_CHOICES,
    ) -> None:
        self._clips = clips
        self._policy = policy
        self._choices = choices
        self._found = {bad.clip: bad for bad in known}

    def note(self, bad: BadClip, rest: Iterator[LoadedClip | BadClip]) -> None:
        """Take note of a bad clip.

        Args:
            bad: Which one.
            rest: What would be loaded next; searched for more under ``error``.

        Raises:
            DataError: The policy is ``error``; every bad clip that was found is named.
        """
        self._found[bad.clip] = bad
        if self._policy == "error":
            raise self._error(complete=self._search(rest))

    def __contains__(self, clip: str) -> bool:
        """Whether the clip of that id is known to be bad."""
        return clip in self._found

    def all(self) -> tuple[BadClip, ...]:
        """Every bad clip, in the order in which they were met."""
        return tuple(self._found.values())

    def counts(self, missing: int | None = None) -> Counts:
        """What the list comes down to.

        Args:
            missing: Clips without a file, if known; else those that were met.
        """
        listed = len(self._clips)
        reasons = Counter(bad.reason for bad in self._found.values())
        absent = reasons["missing"] if missing is None else missing
        decoded = listed - absent - (len(self._found) - reasons["missing"])
        scored = listed if self._policy == "count-as-wrong" else decoded
        return Counts(listed=listed, present=listed - absent, decoded=decoded, scored=scored)

    def _search(self, rest: Iterator[LoadedClip | BadClip]) -> bool:
        """Note the bad clips among the rest; False when time was up first."""
        until = time.monotonic() + SEARCH_SECONDS
        for item in rest:
            if isinstance(item, BadClip):
                self._found[item.clip] = item
            if time.monotonic() > until:
                return False
        return True

    def _error(self, *, complete: bool) -> DataError:
        found = list(self._found.values())
        lines = [f"{bad.clip} ({bad.reason})" for bad in found[:_NAMED]]
        if len(found) > _NAMED:
            lines.append(f"and {len(found) - _NAMED} more")
        if not complete:
            lines.append("and perhaps more: the rest of the list was not searched to its end")
        noun = "clip" if len(found) == 1 else "clips"
        return DataError(
            f"{len(found)} {noun} of {self._clips.dataset}/{self._clips.name} cannot be used",
            got="; ".join(lines),
            allowed="clips that give frames; bench data check shows what is wrong with each",
            next_step=f"replace the files, or set {self._choices} in the configuration",
        )
