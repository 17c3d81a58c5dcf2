from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from bench.data.kept.decoded_clips import KeptVideo
from bench.data.pipelines import build
from bench.data.pipelines.actionclip.frames import (
    ActionClipPipeline,
    crop_places,
    crop_sizes,
    draw_crop,
    segment_centres,
)
from bench.data.pipelines.base import ClipFrames, PipelineSpec
from bench.data.transforms.rand_augment import RandAugment
from bench.ground.errors import UsageError
from bench.ground.seeds import seed_everything
from methods.facts import CLIP
from tests.places import GOLDENS

PIPELINE_GOLDENS = GOLDENS / "actionclip"
VIDEOS = sorted((PIPELINE_GOLDENS.parent / "pipeline" / "videos").iterdir())
RELEASED = {"color_jitter": 0.8, "gray_scale": 0.2, "flip": 0.5}


def val(frames: int, size: int, clips: int = 1, crops: int = 1) -> PipelineSpec:
    return PipelineSpec("actionclip", "val", frames, size, clips, crops)


def train(frames: int, size: int, randaug_ops: int = 0, **probabilities: float) -> PipelineSpec:
    return PipelineSpec(
        "actionclip",
        "train",
        frames,
        size,
        options={"randaug_ops": randaug_ops, "randaug_magnitude": 9},
        **probabilities,
    )


def made(spec: PipelineSpec) -> ActionClipPipeline:
    pipeline = build(spec)
    assert isinstance(pipeline, ActionClipPipeline)
    return pipeline


def filmed(frames: NDArray[np.uint8], spec: PipelineSpec) -> ClipFrames:
    """The pipeline's output for a video with these frames."""
    return build(spec, lambda _: KeptVideo(frames, "decord"))(Path("a video"))


def rows(name: str) -> list[dict[str, str]]:
    with (PIPELINE_GOLDENS / name).open() as file:
        return list(csv.DictReader(file))


def test_test_frames_equal_the_original() -> None:
    golden = load_file(PIPELINE_GOLDENS / "preproc.safetensors")
    frames = filmed(golden["input.frames_uint8"], val(2, 56)).frames
    mean, std = (np.array(values).reshape(3, 1, 1) for values in CLIP)
    normalised = (frames - mean) / std
    np.testing.assert_allclose(normalised.reshape(6, 56, 56), golden["out.val"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("video", [0, 1])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("operations", [0, 2])
def test_seeded_training_draws_equal_the_original(video: int, seed: int, operations: int) -> None:
    golden = load_file(PIPELINE_GOLDENS / "train.safetensors")
    pipeline = build(train(3, 48, operations, **RELEASED))
    for _ in range(2):
        seed_everything(seed)
        found = pipeline(VIDEOS[video])
        key = f"v{video}.train.T3.S48.ra{operations}.seed{seed}"
        np.testing.assert_array_equal(found.frame_inds, golden[f"{key}.frame_inds"])
        np.testing.assert_array_equal(found.frames.transpose(0, 2, 3, 1), golden[f"{key}.u8"])
        assert found.frames.dtype == np.uint8 and found.frame_inds.dtype == np.int64


@pytest.mark.parametrize(("video", "length"), [(0, 90), (1, 17)])
@pytest.mark.parametrize("seed", [0, 1])
def test_training_samples_equal_the_original(video: int, length: int, seed: int) -> None:
    """With 17 frames for 32 places: every frame, some of them twice."""
    golden = load_file(PIPELINE_GOLDENS / "train.safetensors")
    seed_everything(seed)
    found = made(train(32, 32)).sample(length)
    np.testing.assert_array_equal(found, golden[f"v{video}.sample.T32.seed{seed}"])


def test_test_samples_equal_the_original_for_all_lengths() -> None:
    table = rows("segment_centres.csv")
    assert len(table) == 54
    for row in table:
        wanted = [int(index) for index in row["indices"].split()]
        count, length = int(row["num_frames"]), int(row["total_frames"])
        assert made(val(count, 32)).sample(length).tolist() == wanted
    assert segment_centres(9, 1).tolist() == [4]
    assert segment_centres(8, 1).tolist() == [4]


def test_crops_equal_the_original() -> None:
    table = rows("multiscale_crops.csv")
    assert len(table) == 60
    for image in {(int(row["image_w"]), int(row["image_h"])) for row in table}:
        own = [row for row in table if (int(row["image_w"]), int(row["image_h"])) == image]
        crops = [(int(row["crop_w"]), int(row["crop_h"])) for row in own]
        assert crop_sizes(image, 224) == crops
        for crop, row in zip(crops, own, strict=True):
            (column,) = (text for name, text in row.items() if name.startswith("offsets"))
            wanted = [tuple(map(int, place.split(":"))) for place in column.split(";")]
            assert crop_places(image, crop) == wanted


def test_a_drawn_crop_is_one_of_the_places() -> None:
    random.seed(0)
    found = {draw_crop((320, 240), 224) for _ in range(300)}
    assert len(found) > 50
    for left, upper, right, lower in found:
        size = (right - left, lower - upper)
        assert size in crop_sizes((320, 240), 224)
        assert (left, upper) in crop_places((320, 240), size)


@pytest.mark.parametrize(("probability", "flipped"), [(0.0, False), (1.0, True)])
def test_flip_turns_the_whole_clip(probability: float, flipped: bool) -> None:
    ramp = np.zeros((6, 40, 40, 3), np.uint8)
    ramp[:, :, :] = np.arange(40, dtype=np.uint8)[None, None, :, None] * 6
    found = filmed(ramp, train(12, 32, flip=probability)).frames.astype(int)
    falls = found[..., 0] > found[..., -1]
    assert falls.all() if flipped else not falls.any()


def test_three_crops_lie_left_right_and_middle() -> None:
    ramp = np.zeros((2, 32, 96, 3), np.uint8)
    ramp[:, :, :] = np.arange(96, dtype=np.uint8)[None, None, :, None]
    frames = filmed(ramp, val(2, 32, crops=3)).frames
    assert frames.shape == (6, 3, 32, 32)
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 0, 64, 64, 32, 32]
    tall = filmed(np.ascontiguousarray(ramp.transpose(0, 2, 1, 3)), val(2, 32, crops=3)).frames
    np.testing.assert_array_equal(tall, frames.transpose(0, 1, 3, 2))


def test_several_temporal_clips_are_training_draws() -> None:
    np.random.seed(3)
    found = made(val(8, 32, clips=4)).sample(90)
    np.random.seed(3)
    draws = [made(train(8, 32)).sample(90) for _ in range(4)]
    np.testing.assert_array_equal(found, np.concatenate(draws))


def test_rand_augment_equals_the_original() -> None:
    golden = load_file(PIPELINE_GOLDENS / "rand_augment.safetensors")
    augment = RandAugment(2, 9)
    for seed, wanted in enumerate(golden["out.seeds_0_to_23"]):
        random.seed(seed)
        np.random.seed(seed)
        found = augment(Image.fromarray(golden["input"]))
        np.testing.assert_array_equal(np.asarray(found), wanted)


def test_rand_augment_treats_every_frame_anew() -> None:
    still = np.random.RandomState(0).randint(0, 256, (8, 40, 40, 3), dtype=np.uint8)
    still[:] = still[0]
    seed_everything(0)
    found = filmed(still, train(8, 32, randaug_ops=2)).frames
    assert len({frame.tobytes() for frame in found}) > 4
    assert len({frame.tobytes() for frame in filmed(still, train(8, 32)).frames}) == 1


def test_what_a_pipeline_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        build(PipelineSpec("vificlip", "train", 4, 32, options={"randaug_ops": 2}))
    assert str(caught.value) == (
        "the pipeline vificlip has no option 'randaug_ops'\n"
        "  got:     randaug_ops = 2\n  allowed: (no option)"
    )
    with pytest.raises(UsageError, match="the pipeline actionclip does not have this number"):
        build(val(4, 32, crops=5))
