from __future__ import annotations

import pytest
import torch

import methods
from bench.engine.training.optimiser import build_optimiser, optimised_names
from bench.planning.recipe import Recipe
from methods.base import Method, ParameterGroup
from tests.tiny_clip import tiny_clip

RECIPE = Recipe(num_frames=2, image_size=32, epochs=5, lr=1e-2, weight_decay=0.1)


def method() -> Method:
    return methods.create("vifi-clip", clip=tiny_clip(), class_names=("a", "b"), num_frames=2)


def test_one_group_decays_everything() -> None:
    model = method()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    adam = build_optimiser(model, RECIPE)
    assert [len(group["params"]) for group in adam.param_groups] == [len(before)]
    assert adam.defaults["betas"] == (0.9, 0.98)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adam.step()
    for name, value in model.named_parameters():
        assert torch.allclose(value, before[name] * (1 - 1e-2 * 0.1), rtol=1e-6), name


def test_groups_of_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    model = method()
    image = tuple(name for name in model.trainable_names() if name.startswith("image_encoder."))
    rest = tuple(name for name in model.trainable_names() if name not in image)
    groups = [ParameterGroup(image, lr_scale=10.0), ParameterGroup(rest, weight_decay=0.0)]
    monkeypatch.setattr(model, "parameter_groups", lambda: groups)
    adam = build_optimiser(model, RECIPE)
    assert [(g["lr"], g["weight_decay"]) for g in adam.param_groups] == [(0.1, 0.1), (1e-2, 0.0)]
    assert optimised_names(model) == (*image, *rest)
    parameters = dict(model.named_parameters())
    flat = [p for group in adam.param_groups for p in group["params"]]
    assert all(p is parameters[name] for p, name in zip(flat, (*image, *rest), strict=True))


def test_groups_must_hold_every_trainable_parameter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = method()
    names = model.trainable_names()
    groups = [ParameterGroup(names[1:]), ParameterGroup((names[1], "nothing"))]
    monkeypatch.setattr(model, "parameter_groups", lambda: groups)
    with pytest.raises(ValueError) as caught:
        build_optimiser(model, RECIPE)
    assert str(caught.value) == (
        "parameter_groups of vifi-clip must hold every trainable parameter once: "
        f"repeated ['{names[1]}'], missing ['{names[0]}'], not trainable ['nothing']"
    )
