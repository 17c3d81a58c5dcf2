from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.datasets.transforms import CenterCrop, Resize, ThreeCrop
from numpy.typing import NDArray
from safetensors.numpy import load_file

from bench.data.kept.decoded_clips import DecodedClips, KeptVideo
from bench.data.pipelines import build
from bench.data.pipelines.base import ClipFrames, PipelineSpec
from bench.data.pipelines.vificlip.frames import VifiClipPipeline, train_geometry
from bench.data.transforms.frames import ResizeAndCrop
from bench.ground.errors import UsageError
from bench.ground.seeds import seed_everything
from tests.places import GOLDENS

PIPELINE_GOLDENS = GOLDENS / "pipeline"
VIDEOS = sorted((PIPELINE_GOLDENS / "videos").iterdir())
RELEASED = {"color_jitter": 0.8, "gray_scale": 0.2, "flip": 0.5}


@pytest.fixture(scope="module")
def golden() -> dict[str, NDArray[np.generic]]:
    return load_file(PIPELINE_GOLDENS / "pipeline_golden.safetensors")


def val(frames: int, size: int, clips: int = 1, crops: int = 1) -> PipelineSpec:
    return PipelineSpec("vificlip", "val", frames, size, clips, crops)


def train(frames: int, size: int, **probabilities: float) -> PipelineSpec:
    return PipelineSpec("vificlip", "train", frames, size, **probabilities)


def filmed(frames: NDArray[np.uint8], spec: PipelineSpec) -> ClipFrames:
    """The pipeline's output for a video with these frames."""
    return build(spec, lambda _: KeptVideo(frames, "decord"))(Path("a video"))


@pytest.mark.parametrize("video", [0, 1])
@pytest.mark.parametrize(("frames", "size"), [(8, 64), (32, 64), (2, 224), (8, 224)])
def test_single_view_equals_the_original(
    golden: dict[str, NDArray[np.generic]], video: int, frames: int, size: int
) -> None:
    made = build(val(frames, size))(VIDEOS[video])
    key = f"v{video}.val.T{frames}.S{size}"
    np.testing.assert_array_equal(made.frame_inds, golden[f"{key}.frame_inds"])
    assert made.frames.shape == (frames, 3, size, size)
    assert made.frames.dtype == np.uint8 and made.frame_inds.dtype == np.int64
    if f"{key}.u8" in golden:
        np.testing.assert_array_equal(made.frames, golden[f"{key}.u8"])
    if f"{key}.pre_norm_u8" in golden:
        first = made.frames[:2].transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(first, golden[f"{key}.pre_norm_u8"])


@pytest.mark.parametrize(("video", "frames", "seed"), [(0, 8, 100), (1, 2, 101)])
def test_multi_view_equals_the_original(
    golden: dict[str, NDArray[np.generic]], video: int, frames: int, seed: int
) -> None:
    np.random.seed(seed)
    made = build(val(frames, 64, 4, 3))(VIDEOS[video])
    key = f"v{video}.multiview4x3.T{frames}.S64.npseed{seed}"
    np.testing.assert_array_equal(made.frame_inds, golden[f"{key}.frame_inds"])
    expected = golden[f"{key}.u8"]
    assert made.frames.shape == (12 * frames, 3, 64, 64)
    np.testing.assert_array_equal(made.frames[: len(expected)], expected)


@pytest.mark.parametrize("video", [0, 1])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("memory", [False, True])
def test_seeded_training_draws_equal_the_original(
    golden: dict[str, NDArray[np.generic]], video: int, seed: int, memory: bool
) -> None:
    pipeline = build(train(4, 64, **RELEASED), DecodedClips() if memory else None)
    for _ in range(2):
        seed_everything(seed)
        made = pipeline(VIDEOS[video])
        key = f"v{video}.train.T4.S64.seed{seed}"
        np.testing.assert_array_equal(made.frame_inds, golden[f"{key}.frame_inds"])
        expected = golden[f"{key}.pre_norm_u8"]
        np.testing.assert_array_equal(made.frames.transpose(0, 2, 3, 1), expected)


def test_sampling_equals_the_original_for_all_lengths() -> None:
    rows = json.loads((PIPELINE_GOLDENS / "sampling_golden.json").read_text())
    assert len(rows) == 75
    for row in rows:
        length, count = row["total_frames"], row["T"]

        def sample(spec: PipelineSpec, length: int = length) -> list[int]:
            pipeline = build(spec)
            assert isinstance(pipeline, VifiClipPipeline)
            return pipeline.sample(length).tolist()

        assert sample(val(count, 32)) == row["test"]
        for seed in (0, 1):
            np.random.seed(seed)
            assert sample(train(count, 32)) == row[f"train_npseed{seed}"]
        np.random.seed(0)
        assert sample(val(count, 32, clips=4)) == row["multiview4_npseed0"]


def test_crop_boxes_equal_the_original() -> None:
    rows = json.loads((PIPELINE_GOLDENS / "multiscalecrop_golden.json").read_text())
    assert len(rows) == 60
    for row in rows:
        crop = train_geometry(train(8, row["input"]))[1]
        random.seed(row["pyseed"])
        made = crop({"img_shape": (row["h"], row["w"])})
        assert made["crop_bbox"].tolist() == row["bbox"]


def test_grey_clips_have_the_luma_of_the_coloured_ones() -> None:
    seed_everything(3)
    coloured = build(train(4, 32))(VIDEOS[0]).frames.astype(np.int64)
    seed_everything(3)
    grey = build(train(4, 32, gray_scale=1.0))(VIDEOS[0]).frames
    red, green, blue = coloured.transpose(1, 0, 2, 3)
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    np.testing.assert_array_equal(grey, np.stack([luma] * 3, axis=1))


def test_jitter_is_drawn_anew_for_every_frame() -> None:
    still = np.full((8, 40, 40, 3), (200, 90, 30), np.uint8)
    seed_everything(0)
    jittered = filmed(still, train(8, 32, color_jitter=1.0)).frames
    assert len({frame.tobytes() for frame in jittered}) == 8
    assert len({frame.tobytes() for frame in filmed(still, train(8, 32)).frames}) == 1


@pytest.mark.parametrize(("probability", "flipped"), [(0.0, False), (1.0, True)])
def test_flip_turns_the_whole_clip(probability: float, flipped: bool) -> None:
    ramp = np.zeros((6, 40, 40, 3), np.uint8)
    ramp[:, :, :] = np.arange(40, dtype=np.uint8)[None, None, :, None] * 6
    # T > length: some frames are shown twice and must not be turned twice.
    made = filmed(ramp, train(12, 32, flip=probability)).frames.astype(int)
    falls = made[..., 0] > made[..., -1]
    assert falls.all() if flipped else not falls.any()


def test_one_crop_keeps_the_centre_with_several_clips() -> None:
    np.random.seed(0)
    made = build(val(4, 64, clips=4, crops=1))(VIDEOS[0])
    assert made.frames.shape == (16, 3, 64, 64)
    by_index = {int(i): f for i, f in zip(made.frame_inds, made.frames, strict=True)}
    centre = build(val(90, 64))(VIDEOS[0])
    for index, frame in by_index.items():
        np.testing.assert_array_equal(frame, centre.frames[index])


def test_a_number_of_crops_that_does_not_exist() -> None:
    with pytest.raises(UsageError) as caught:
        build(val(8, 64, crops=2))
    assert str(caught.value) == (
        "the pipeline vificlip does not have this number of spatial crops\n"
        "  got:     2\n  allowed: 1 or 3"
    )


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(20, 300), st.integers(20, 300))
    | st.sampled_from([(240, 320), (256, 340), (240, 427), (480, 640), (512, 512), (448, 600)]),
    side=st.sampled_from([32, 112, 224]),
    crops=st.sampled_from([1, 3]),
)
def test_resizing_only_what_is_shown_changes_no_pixel(
    size: tuple[int, int], side: int, crops: int
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    short = side if crops == 3 else int(256 / 224 * side)
    results = {"imgs": list(frames), "img_shape": size, "modality": "RGB"}
    cut = CenterCrop(crop_size=side) if crops == 1 else ThreeCrop(crop_size=side)
    expected = cut(Resize(scale=(-1, short))(results))["imgs"]
    made = ResizeAndCrop(short, side, crops)(frames)
    np.testing.assert_array_equal(made, np.stack(expected).transpose(0, 3, 1, 2))
