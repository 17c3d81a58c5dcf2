from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import methods
from bench.engine.checkpoint import (
    changed_names,
    load_weights,
    save_weights,
    snapshot_buffers,
    start_from,
)
from bench.ground.errors import WeightsError
from methods.base import Method
from results.run.layout import CHECKPOINT
from tests.tiny_clip import tiny_clip


def method(adapter: str = "vifi-clip", classes: tuple[str, ...] = ("a", "b")) -> Method:
    return methods.create(adapter, clip=tiny_clip(), class_names=classes, num_frames=2)


def test_round_trip_into_another_class_list(tmp_path: Path) -> None:
    trained = method()
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.1)
    digest = save_weights(trained, trained.trainable_names(), tmp_path / CHECKPOINT)
    assert len(digest) == 64
    fresh = method(classes=("c", "d", "e"))
    report = load_weights(fresh, tmp_path / CHECKPOINT)
    assert (
        str(report)
        == f"{len(trained.trainable_names())} matched, 0 missing, 0 unexpected, 0 ignored"
    )
    for (name, found), expected in zip(fresh.named_parameters(), trained.parameters(), strict=True):
        assert torch.equal(found, expected), name


def test_changed_buffers_are_kept_and_class_buffers_are_not() -> None:
    model = method("clip-image-ft")
    model.register_buffer("running", torch.zeros(2))
    model.register_buffer("constant", torch.zeros(2))
    before = snapshot_buffers(model)
    assert set(before) == {"running", "constant"}
    model.get_buffer("running").add_(1)
    names = changed_names(model, before, inherited=["logit_scale"])
    assert set(names) == {*model.trainable_names(), "running", "logit_scale"}


def test_evaluation_wants_every_trained_tensor(tmp_path: Path) -> None:
    trained = method()
    names = trained.trainable_names()
    save_weights(trained, names[2:], tmp_path / CHECKPOINT)
    with pytest.raises(WeightsError) as caught:
        load_weights(method(), tmp_path / CHECKPOINT)
    assert str(caught.value) == (
        "the checkpoint lacks 2 trained tensors of vifi-clip\n"
        f"  got:     {', '.join(sorted(names[:2]))}\n"
        "  allowed: a checkpoint of the same method with the same options\n"
        "  next:    train it again: bench run --rerun always"
    )
    report = start_from(method(), tmp_path / CHECKPOINT)
    assert set(report.missing) == set(names[:2])


def test_a_tensor_without_a_place_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    other = method()
    other.register_buffer("extra", torch.zeros(3))
    other.logit_scale = torch.nn.Parameter(torch.zeros(2))
    save_weights(other, ["extra", "logit_scale"], tmp_path / CHECKPOINT)
    with pytest.raises(WeightsError) as caught:
        start_from(method(), tmp_path / CHECKPOINT)
    assert str(caught.value) == (
        "the checkpoint does not fit vifi-clip\n"
        "  got:     no place for extra, logit_scale [2] for []\n"
        "  allowed: tensors with the names and shapes of the method\n"
        "  next:    use a checkpoint of the same backbone, method and options"
    )


def test_absent_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        load_weights(method(), tmp_path / CHECKPOINT)
    assert str(caught.value) == (
        "there is no checkpoint\n"
        f"  got:     {tmp_path / CHECKPOINT}\n"
        "  next:    run the training it belongs to: bench run --rerun missing"
    )
    save_weights(method(), ["logit_scale"], tmp_path / CHECKPOINT)
    data = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(data[:-2])
    with pytest.raises(WeightsError, match="the checkpoint is damaged"):
        load_weights(method(), tmp_path / CHECKPOINT)


def test_a_training_that_left_nan_writes_no_checkpoint(tmp_path: Path) -> None:
    trained = method()
    with torch.no_grad():
        trained.get_parameter("logit_scale").fill_(float("nan"))
    with pytest.raises(WeightsError) as error:
        save_weights(trained, trained.trainable_names(), tmp_path / "w.safetensors")
    assert str(error.value) == (
        "the trained vifi-clip holds values that are not finite (NaN or infinity)\n"
        "  got:     1 of 1 in logit_scale\n"
        "  next:    lower lr in the recipe, or use precision = 'fp32'"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("note", ['{"class_names": 5}', "7", "{", "[" * 100_000])
def test_a_note_that_no_training_writes_is_refused(note: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"logit_scale": torch.tensor(1.0)}, path, {"trained": note})
    with pytest.raises(WeightsError) as error:
        load_weights(method(), path)
    assert str(error.value).splitlines()[0] == "the checkpoint is damaged"
