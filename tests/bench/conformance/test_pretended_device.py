"""The pretended device refuses what a GPU refuses, allows what it allows, and computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.conformance.pretended_device import (
    ELSEWHERE,
    MixedDevicesError,
    is_elsewhere,
    move,
    pretended_device,
    values,
)


def test_a_network_computes_and_learns_there_as_here() -> None:
    torch.manual_seed(0)
    here = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 3))
    there = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 3))
    there.load_state_dict(here.state_dict())
    data, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    optimiser = torch.optim.AdamW(here.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        nn.functional.cross_entropy(here(data), labels).backward()
        optimiser.step()
    with pretended_device():
        move(there)
        elsewhere = torch.optim.AdamW(there.parameters(), lr=0.1)
        data_there, labels_there = data.to(ELSEWHERE), labels.to(ELSEWHERE)
        for _ in range(3):
            elsewhere.zero_grad()
            nn.functional.cross_entropy(there(data_there), labels_there).backward()
            elsewhere.step()
    for name, value in there.state_dict().items():
        assert is_elsewhere(value), name
        torch.testing.assert_close(values(value), here.state_dict()[name])


@pytest.mark.parametrize(
    "act",
    [
        lambda there, here: there + here,
        lambda there, here: there @ here,
        lambda there, here: torch.cat([there, here]),
        lambda there, here: torch.where(here > 0, there, there),
        lambda there, here: here[there.argmax(dim=0)],
        lambda there, here: there.clone().index_put_((torch.tensor([0]),), here[:1]),
        lambda there, here: there.clone().add_(here),
    ],
)
def test_mixtures_are_refused(act: object) -> None:
    with pretended_device():
        there = torch.ones(3, 3).to(ELSEWHERE)
        with pytest.raises(MixedDevicesError, match="on the CPU"):
            act(there, torch.ones(3, 3))  # type: ignore[operator]


@pytest.mark.parametrize(
    "act",
    [
        lambda there: there * torch.tensor(2.0),
        lambda there: there[torch.tensor([0, 2])],
        lambda there: there.clone().copy_(torch.ones(3, 3)),
        lambda there: there + torch.ones(3, 3, device=there.device),
        lambda there: there * torch.tensor([2.0, 0.0, 1.0], device=there.device),
        lambda there: there + torch.ones(3, 3).to(there),
        lambda there: there + there.new_zeros(3, 3) + torch.zeros_like(there),
    ],
)
def test_what_a_gpu_allows_is_allowed(act: object) -> None:
    with pretended_device():
        result: Tensor = act(torch.ones(3, 3).to(ELSEWHERE))  # type: ignore[operator]
    assert is_elsewhere(result)


def test_torchs_own_device_without_values_stays_what_it_is() -> None:
    with pretended_device():
        assert nn.Linear(2, 2, device="meta").weight.is_meta
        assert not is_elsewhere(torch.zeros(2, device="meta"))


def test_a_tensor_made_there_is_a_leaf() -> None:
    with pretended_device():
        made = torch.tensor([1.0, 2.0], device=ELSEWHERE, requires_grad=True)
        (made * made).sum().backward()
    assert made.grad is not None
    assert values(made.grad).tolist() == [2, 4]


def test_tensors_come_back_with_their_values() -> None:
    with pretended_device():
        back = (torch.arange(4.0).to(ELSEWHERE) * 2).cpu()
    assert not is_elsewhere(back)
    assert back.tolist() == [0, 2, 4, 6]
