from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch

import methods
from methods.checkpoints.identify import identify
from tests.tiny_clip import tiny_clip


def released(folder: Path, towers: str) -> Path:
    """A file as ViFi-CLIP's training writes it, with a configuration of a class of its own."""
    yacs = types.ModuleType("yacs.config")
    node = type("CfgNode", (dict,), {"__module__": "yacs.config"})
    yacs.CfgNode = node  # type: ignore[attr-defined]
    sys.modules.update({"yacs": types.ModuleType("yacs"), "yacs.config": yacs})
    method = methods.create(
        "vifi-clip", clip=tiny_clip(), class_names=("red circle", "blue square"), num_frames=4
    )
    config = node(DATA=node(NUM_FRAMES=16), TRAINER=node(ViFi_CLIP=node(USE=towers)))
    path = folder / f"{towers}.pth"
    try:
        torch.save({**method.original_content(), "epoch": 9, "config": config}, path)
    finally:
        del sys.modules["yacs"], sys.modules["yacs.config"]
    return path


@pytest.mark.parametrize(
    ("towers", "adapter"),
    [("image", "clip-image-ft"), ("text", "clip-text-ft"), ("both", "vifi-clip")],
)
def test_what_was_trained_is_named_from_the_configuration_inside(
    towers: str, adapter: str, tmp_path: Path
) -> None:
    found = identify(released(tmp_path, towers))
    assert (found.method, found.frames, found.problem) == (adapter, 16, "")


def test_loading_it_as_another_method_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = released(tmp_path, "image")
    method = methods.create(
        "vifi-clip", clip=tiny_clip(), class_names=("red circle", "blue square"), num_frames=4
    )
    method.load_released(path)
    assert caplog.messages == [
        "image.pth: its configuration says that it is a checkpoint of clip-image-ft, not of "
        "vifi-clip"
    ]
