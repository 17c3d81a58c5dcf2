from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler
from torch.utils.data.distributed import DistributedSampler

from bench.engine.training.batches import count_steps, epoch_updates
from bench.ground.errors import DataError
from bench.ground.seeds import derive_seed
from bench.planning.recipe import Recipe


def recipe(**changes: Any) -> Recipe:
    return Recipe(num_frames=2, image_size=32, epochs=5, lr=1e-3, **changes)


@pytest.mark.parametrize(
    ("clips", "accumulation", "epochs", "micro_steps", "updates", "in_all"),
    [
        (416, 2, 11, 13, 6, 66),  # base-to-novel HMDB-51
        (3200, 2, 11, 100, 50, 550),  # base-to-novel K400
        (1392, 2, 11, 43, 21, 231),  # base-to-novel SSv2
        (816, 2, 11, 25, 12, 132),  # base-to-novel UCF-101
        (102, 2, 50, 3, 1, 50),  # few-shot HMDB-51, K = 2
        (204, 2, 50, 6, 3, 150),  # K = 4
        (2784, 2, 50, 87, 43, 2150),  # few-shot SSv2, K = 16
        (348, 2, 50, 11, 5, 250),  # K = 2
        (1616, 2, 50, 50, 25, 1250),  # few-shot UCF-101, K = 16
        (13978, 4, 50, 437, 109, 5450),
    ],
)
def test_counts_are_those_of_the_original_on_eight_gpus(
    clips: int, accumulation: int, epochs: int, micro_steps: int, updates: int, in_all: int
) -> None:
    counting = count_steps(clips, recipe(accumulation=accumulation))
    assert (counting.micro_steps, counting.updates) == (micro_steps, updates)
    assert counting.updates * epochs == in_all
    assert counting.discarded == micro_steps - updates * accumulation


@settings(max_examples=60, deadline=None)
@given(
    clips=st.integers(1, 90),
    replicas=st.integers(1, 9),
    micro_batch=st.integers(1, 5),
    accumulation=st.integers(1, 4),
    epoch=st.integers(0, 3),
)
def test_order_is_what_torch_gives_each_replica(
    clips: int, replicas: int, micro_batch: int, accumulation: int, epoch: int
) -> None:
    layout = recipe(replicas=replicas, micro_batch=micro_batch, accumulation=accumulation)
    loaders = []
    for rank in range(replicas):
        sampler: DistributedSampler[int] = DistributedSampler(
            cast("Any", range(clips)),
            num_replicas=replicas,
            rank=rank,
            seed=derive_seed(use="order", seed=3, epoch=epoch),
        )
        loaders.append(list(BatchSampler(sampler, micro_batch, drop_last=True)))
    used = len(loaders[0]) // accumulation * accumulation
    if used == 0:
        with pytest.raises(DataError):
            epoch_updates(clips, layout, seed=3, epoch=epoch)
        return
    updates = epoch_updates(clips, layout, seed=3, epoch=epoch)
    assert {len(update) for update in updates} == {accumulation}
    steps = [step for update in updates for step in update]
    assert [step.index for step in steps] == list(range(used))
    for step in steps:
        assert [list(group.clips) for group in step.groups] == [
            loader[step.index] for loader in loaders
        ]
        assert [group.replica for group in step.groups] == list(range(replicas))


def test_epochs_and_seeds_give_other_orders() -> None:
    layout = recipe(replicas=2, micro_batch=4)
    orders = {
        tuple(
            clip
            for update in epoch_updates(64, layout, seed=seed, epoch=epoch)
            for step in update
            for clip in step.clips
        )
        for seed in (1, 2)
        for epoch in (0, 1)
    }
    assert len(orders) == 4


def test_a_list_too_short_for_one_update_says_the_numbers() -> None:
    with pytest.raises(DataError) as caught:
        count_steps(56, recipe(accumulation=2))
    assert str(caught.value) == (
        "the clip list is too short for one update per epoch\n"
        "  got:     56 clips: 7 for each of 8 replicas, 1 whole batches of 4, "
        "2 needed for an update\n"
        "  allowed: at least 57 clips with this recipe\n"
        "  next:    use a longer list, or lower replicas, micro_batch or accumulation in the recipe"
    )
    assert count_steps(57, recipe(accumulation=2)).updates == 1
