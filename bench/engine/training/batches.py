"""Which clips meet in which step: the original's several GPUs, laid out on one device.

The original ran ``replicas`` processes. Each saw every ``replicas``-th clip of the epoch's
permutation, in batches of ``micro_batch`` (the last, incomplete one dropped); an update followed
every ``accumulation`` batches, and batches left over at the end of an epoch were discarded with
their gradients. Here one micro-step is the i-th batch of all replicas side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

from torch.utils.data.distributed import DistributedSampler

from bench.ground.errors import DataError
from bench.ground.seeds import derive_seed
from bench.planning.recipe import Recipe


@dataclass(frozen=True)
class Group:
    """What one replica saw in one forward pass; a mixing draw covers exactly one group.

    Attributes:
        replica: 0-based number of the replica.
        clips: Positions in the clip list.
    """

    replica: int
    clips: tuple[int, ...]


@dataclass(frozen=True)
class MicroStep:
    """The forward passes that ran side by side in the original.

    Attributes:
        index: 0-based number within the epoch; the schedule counts these.
        groups: One a replica.
    """

    index: int
    groups: tuple[Group, ...]

    @property
    def clips(self) -> tuple[int, ...]:
        """Positions in the clip list, replica by replica."""
        return tuple(clip for group in self.groups for clip in group.clips)


@dataclass(frozen=True)
class Counting:
    """How many steps there are per epoch.

    Attributes:
        micro_steps: n of the schedule: batches a replica, leftovers included.
        updates: Optimiser steps per epoch.
        discarded: Batches a replica at the end of the epoch that reach no update.
    """

    micro_steps: int
    updates: int
    discarded: int


def count_steps(num_clips: int, recipe: Recipe) -> Counting:
    """Steps of one epoch over ``num_clips`` clips.

    Raises:
        DataError: The list is too short for a single update per epoch.
    """
    shard = math.ceil(num_clips / recipe.replicas)
    micro_steps = shard // recipe.micro_batch
    updates = micro_steps // recipe.accumulation
    if updates == 0:
        raise DataError(
            "the clip list is too short for one update per epoch",
            got=(
                f"{num_clips} clips: {shard} for each of {recipe.replicas} replicas, "
                f"{micro_steps} whole batches of {recipe.micro_batch}, "
                f"{recipe.accumulation} needed for an update"
            ),
            allowed=f"at least {_fewest_clips(recipe)} clips with this recipe",
            next_step=(
                "use a longer list, or lower replicas, micro_batch or accumulation in the recipe"
            ),
        )
    return Counting(micro_steps, updates, micro_steps - updates * recipe.accumulation)


def epoch_updates(
    num_clips: int, recipe: Recipe, *, seed: int, epoch: int
) -> list[tuple[MicroStep, ...]]:
    """The updates of one epoch, each with its micro-steps, in order.

    Args:
        num_clips: Length of the clip list.
        recipe: Batch layout.
        seed: Seed of the training.
        epoch: 0-based.

    Raises:
        DataError: The list is too short for a single update per epoch.
    """
    counting = count_steps(num_clips, recipe)
    shards = _shards(num_clips, recipe.replicas, derive_seed(use="order", seed=seed, epoch=epoch))
    size = recipe.micro_batch
    steps = [
        MicroStep(
            index,
            tuple(
                Group(replica, tuple(shard[index * size : (index + 1) * size]))
                for replica, shard in enumerate(shards)
            ),
        )
        for index in range(counting.updates * recipe.accumulation)
    ]
    return [
        tuple(steps[first : first + recipe.accumulation])
        for first in range(0, len(steps), recipe.accumulation)
    ]


def _shards(num_clips: int, replicas: int, seed: int) -> list[list[int]]:
    """The permutation as torch deals it to the replicas: padded by repetition, rank-strided."""
    order = cast("Any", range(num_clips))
    return [
        list(DistributedSampler(order, num_replicas=replicas, rank=rank, shuffle=True, seed=seed))
        for rank in range(replicas)
    ]


def _fewest_clips(recipe: Recipe) -> int:
    """The shortest list whose shards hold ``accumulation`` whole batches."""
    return (recipe.micro_batch * recipe.accumulation - 1) * recipe.replicas + 1
