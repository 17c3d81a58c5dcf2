"""What a method sees of uint8 frames is what the original code made of them in floats."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchvision.transforms.functional import normalize

from bench.data.video.decode import open_video
from bench.engine.normaliser import Normaliser
from bench.planning.jobs import PreprocessingRef
from methods import facts, names
from methods.facts import IMAGENET, Preprocessing
from tests.places import GOLDENS

PIPELINE = GOLDENS / "pipeline"
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_ROWS = {
    "vanilla-clip",
    "clip-image-ft",
    "clip-text-ft",
    "vifi-clip",
    "vl-prompting",
    "xclip",
}


def normaliser(preprocessing: Preprocessing) -> Normaliser:
    return Normaliser(PreprocessingRef(**vars(preprocessing)), torch.device("cpu"))


def every_level() -> torch.Tensor:
    """uint8 [1,2,3,16,16]: a frame of all 256 grey levels, and one with channels that differ."""
    ramp = torch.arange(256, dtype=torch.uint8).view(16, 16)
    grey = ramp.expand(3, 16, 16)
    coloured = torch.stack([ramp, ramp.flip(0), 255 - ramp.T])
    return torch.stack([grey, coloured])[None]


def test_decoded_and_normalised_frames_equal_the_originals() -> None:
    golden = load_file(PIPELINE / "pipeline_golden.safetensors")
    for number, file in enumerate(sorted((PIPELINE / "videos").iterdir())):
        first = golden[f"v{number}.val.T8.S64.frame_inds"][:2].tolist()
        decoded = open_video(file).get_frames(first)
        np.testing.assert_array_equal(decoded, golden[f"v{number}.raw_first2"].numpy())
    frames = golden["v0.val.T8.S64.u8"][:1]
    (made,) = normaliser(facts("vifi-clip").preprocessing)([frames[None]])
    expected = golden["v0.val.T8.S64.first_frame_normalised"]
    torch.testing.assert_close(made, expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("method", [name for name in names() if name in IMAGENET_ROWS])
def test_the_family_has_imagenets_constants_as_opencv_applies_them(method: str) -> None:
    """ViFi-CLIP and X-CLIP: mmcv's ``imnormalize``, a subtraction and a product in float32."""
    frames = every_level()
    made = normaliser(facts(method).preprocessing)([frames])
    mean = np.array([[123.675, 116.28, 103.53]])
    inverse = 1 / np.array([[58.395, 57.12, 57.375]])
    for frame, own in zip(frames[0], made[0], strict=True):
        image = np.ascontiguousarray(frame.permute(1, 2, 0).numpy().astype(np.float32))
        expected = cv2.multiply(cv2.subtract(image, mean), inverse)
        np.testing.assert_allclose(own.permute(1, 2, 0).numpy(), expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("method", ["actionclip", "a5", "vita-clip"])
def test_the_others_have_clips_constants_as_torchvision_applies_them(method: str) -> None:
    frames = every_level()
    made = normaliser(facts(method).preprocessing)([frames])
    expected = normalize(frames / 255, list(OPENAI_MEAN), list(OPENAI_STD))
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-6)


def test_views_of_several_clips_lie_side_by_side_and_the_frames_are_left_alone() -> None:
    first, second = every_level(), every_level().flip(1).repeat(2, 1, 1, 1, 1)
    kept = first.clone(), second.clone()
    normalise = normaliser(Preprocessing(mean=IMAGENET[0], std=IMAGENET[1]))
    together = normalise([first, second])
    assert together.shape == (3, 2, 3, 16, 16) and together.dtype == torch.float32
    assert torch.equal(together[:1], normalise([first]))
    assert torch.equal(together[1:], normalise([second]))
    assert torch.equal(first, kept[0]) and torch.equal(second, kept[1])
