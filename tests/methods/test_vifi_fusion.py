from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

import methods
from bench.ground.errors import UsageError
from tests.tiny_clip import tiny_clip

NAMES = ("swing_baseball", "RideBike", "massaging person's head")
FUSIONS = ("embedding", "decision", "image")


def _method(fusion: str | None = None) -> Any:
    options = {} if fusion is None else {"fusion": fusion}
    method = methods.create(
        "vifi-clip", clip=tiny_clip(), class_names=NAMES, num_frames=4, **options
    )
    return method.eval()


def _video(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def _cosines(method: Any, frames: Tensor) -> Tensor:
    """[B,T,C] between single features [B,T,E] and the texts."""
    texts = method.encode_text()
    return torch.nn.functional.cosine_similarity(frames[:, :, None], texts, dim=-1)


@torch.no_grad()
def test_embeddings_are_fused_unless_told_otherwise() -> None:
    assert torch.equal(_method()(_video()), _method("embedding")(_video()))
    method = _method()
    video = method.encode_frames(_video()).mean(dim=1, keepdim=True)
    wanted = method.logit_scale.exp() * _cosines(method, video)[:, 0]
    assert torch.allclose(method(_video()), wanted, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("fusion", ["decision", "image"])
def test_decisions_are_the_mean_of_the_logits_of_the_frames(fusion: str) -> None:
    method = _method(fusion)
    wanted = method.logit_scale.exp() * _cosines(method, method.encode_frames(_video())).mean(1)
    assert torch.allclose(method(_video()), wanted, atol=1e-5)
    alone = torch.stack([_method()(_video()[:, [t]]) for t in range(4)])
    assert torch.allclose(method(_video()), alone.mean(dim=0), atol=1e-5)
    assert float((method(_video()) - _method()(_video())).abs().max()) > 1e-3


def test_losses() -> None:
    targets = torch.tensor([2, 0])
    losses = {fusion: _method(fusion).loss(_video(), targets).detach() for fusion in FUSIONS}
    logits = _method("decision")(_video())
    assert torch.allclose(losses["decision"], torch.nn.functional.cross_entropy(logits, targets))
    single = [_method().loss(_video()[:, [t]], targets) for t in range(4)]
    assert torch.allclose(losses["image"], torch.stack(single).mean(), atol=1e-5)
    # The loss is convex: the mean of losses is above the loss of the mean.
    assert float(losses["image"]) > float(losses["decision"])
    assert abs(float(losses["decision"] - losses["embedding"])) > 1e-4


def test_fusions_agree_where_all_frames_are_one() -> None:
    still = _video(frames=1).expand(-1, 4, -1, -1, -1)
    with torch.no_grad():
        losses = [float(_method(fusion).loss(still, torch.tensor([2, 0]))) for fusion in FUSIONS]
        scores = [_method(fusion)(still) for fusion in FUSIONS]
    assert losses == pytest.approx(losses[:1] * 3, abs=1e-5)
    assert all(torch.allclose(other, scores[0], atol=1e-5) for other in scores[1:])


def test_soft_targets_belong_to_every_frame() -> None:
    ids = torch.tensor([2, 0])
    hot = torch.nn.functional.one_hot(ids, 3).float()
    method = _method("image")
    by_ids, by_hot = method.loss(_video(), ids), method.loss(_video(), hot)
    assert torch.allclose(by_ids, by_hot, atol=1e-5)
    mixed = 0.7 * hot + 0.3 * hot.flip(0)
    wanted = 0.7 * by_hot + 0.3 * method.loss(_video(), hot.flip(0))
    assert torch.allclose(method.loss(_video(), mixed), wanted, atol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_clip_and_a_text_count_alike_however_they_are_given(fusion: str) -> None:
    method = _method(fusion)
    with torch.no_grad():
        together = method(_video(5))
        alone = torch.cat([method(clip[None]) for clip in _video(5)])
        reused = method.loss(_video(), torch.tensor([0, 1]), method.encode_text())
    assert torch.allclose(together, alone, atol=1e-4)
    loss = method.loss(_video(), torch.tensor([0, 1]))
    assert torch.allclose(loss, reused)
    before = copy.deepcopy(method.state_dict())
    loss.backward()
    torch.optim.AdamW(method.parameters(), lr=1e-3).step()
    moved = {n for n, value in method.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == set(method.trainable_names()) == set(before)


def test_a_fusion_that_does_not_exist() -> None:
    with pytest.raises(UsageError) as error:
        _method("frames")
    assert str(error.value) == (
        "unknown fusion of vifi-clip 'frames'\n  allowed: decision, embedding, image"
    )
