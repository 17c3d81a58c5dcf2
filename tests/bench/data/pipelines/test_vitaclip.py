from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from bench.data.kept.decoded_clips import KeptVideo
from bench.data.pipelines import build
from bench.data.pipelines.base import ClipFrames, PipelineSpec
from bench.data.pipelines.vitaclip.frames import VitaClipPipeline, crop_corners, short_side, windows
from bench.data.transforms.clip_rand_augment import ClipRandAugment
from bench.ground.errors import UsageError
from bench.ground.seeds import seed_everything
from tests.places import GOLDENS

VALUES = (GOLDENS / "vitaclip" / "sampling_values.txt").read_text().splitlines()
VIDEOS = sorted((GOLDENS / "pipeline" / "videos").iterdir())


def val(
    frames: int, size: int = 32, clips: int = 1, crops: int = 1, stride: int | None = None
) -> PipelineSpec:
    options = {} if stride is None else {"frame_stride": stride}
    return PipelineSpec("vitaclip", "val", frames, size, clips, crops, options=options)


def train(frames: int, size: int = 32, stride: int | None = None, **options: float) -> PipelineSpec:
    if stride is not None:
        options["frame_stride"] = stride
    return PipelineSpec("vitaclip", "train", frames, size, options=options)


def sample(spec: PipelineSpec, total: int) -> list[int]:
    pipeline = build(spec)
    assert isinstance(pipeline, VitaClipPipeline)
    return pipeline.sample(total).tolist()


def filmed(frames: NDArray[np.uint8], spec: PipelineSpec) -> ClipFrames:
    """The pipeline's output for a video with these frames."""
    return build(spec, lambda _: KeptVideo(frames, "decord"))(Path("a video"))


def noise(count: int, height: int, width: int) -> NDArray[np.uint8]:
    shape = (count, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _split(line: str) -> tuple[list[str], list[object]]:
    words, _, values = line.partition("[")
    return words.split(), ast.literal_eval("[" + values)


def test_frames_of_tests_are_those_of_the_original() -> None:
    rows = [_split(line) for line in VALUES if line.startswith("test")]
    assert len(rows) == 27
    for (_, count, stride, total, views), starts in rows:
        spec = val(int(count), clips=int(views), stride=int(stride))
        flat = [index for view in starts for index in view]  # type: ignore[attr-defined]
        assert sample(spec, int(total)) == flat
    # 16 is the stride of the original.
    assert sample(val(8), 300) == sample(val(8, stride=16), 300)


def test_frames_of_training_are_those_of_the_original() -> None:
    rows = [_split(line) for line in VALUES if line.startswith("train")]
    assert len(rows) == 5
    for (_, _, count, stride, total), indices in rows:
        np.random.seed(0)
        # The file marks random frames of segments with the stride -1.
        assert sample(train(int(count), stride=max(0, int(stride))), int(total)) == indices


def test_places_of_crops_are_those_of_the_original() -> None:
    rows = [line for line in VALUES if line.startswith(("(", "center"))]
    assert len(rows) == 6
    for line in rows:
        size, corners = _split(line)
        height, width = ast.literal_eval(" ".join(size).removeprefix("center "))
        crops = 1 if line.startswith("center") else 3
        assert crop_corners(height, width, 224, crops) == corners


@given(
    total=st.integers(1, 400),
    count=st.integers(1, 20),
    stride=st.integers(0, 40),
    views=st.integers(1, 5),
)
def test_frames_lie_in_the_video_and_in_order(
    total: int, count: int, stride: int, views: int
) -> None:
    seed_everything(total)
    in_test = np.array(sample(val(count, clips=views, stride=stride), total))
    in_training = np.array(sample(train(count, stride=stride), total))
    for view in (*in_test.reshape(views, count), in_training):
        assert view.min() >= 0 and view.max() < total
        assert (np.diff(view) >= 0).all()


def test_a_single_view_lies_in_the_middle() -> None:
    assert windows(300, 8, 16, 1).tolist() == list(range(93, 206, 16))
    assert sample(val(4, stride=0), 41) == [5, 15, 25, 35]
    # Several views of segments have different places in them.
    assert sample(val(4, clips=2, stride=0), 41) == [3, 13, 23, 33, 7, 17, 27, 37]


@pytest.mark.parametrize(
    ("size", "wanted"), [((240, 427), (224, 398)), ((427, 240), (398, 224)), ((64, 64), (224, 224))]
)
def test_the_longer_side_is_rounded_down(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert short_side(*size, 224) == wanted


@pytest.mark.parametrize(("height", "width"), [(40, 70), (70, 40), (24, 30)])
@pytest.mark.parametrize("crops", [1, 3])
def test_test_frames_are_the_originals_but_for_rounding(
    height: int, width: int, crops: int
) -> None:
    film = noise(40, height, width)
    made = filmed(film, val(4, 32, clips=2, crops=crops, stride=8))
    assert made.frames.shape == (crops * 2 * 4, 3, 32, 32)
    # The original's order: normalise, then resize all frames, then cut.
    mean, std = 114.0, 68.0
    floats = (torch.from_numpy(film).permute(0, 3, 1, 2).double() - mean) / std
    whole = interpolate(floats, size=short_side(height, width, 32), mode="bilinear")
    views = [
        whole[:, :, y : y + 32, x : x + 32][made.frame_inds]
        for y, x in crop_corners(whole.shape[2], whole.shape[3], 32, crops)
    ]
    exact = torch.cat(views) * std + mean
    assert float((torch.from_numpy(made.frames) - exact).abs().max()) < 0.5 + 1e-3


def test_views_are_ordered_by_crop_then_time() -> None:
    ramp = np.zeros((40, 32, 96, 3), np.uint8)
    ramp += np.arange(40, dtype=np.uint8)[:, None, None, None]
    ramp[:, :, 48:] += 100
    made = filmed(ramp, val(2, 32, clips=2, crops=3, stride=4)).frames
    assert made[:, 0, 16, 0].tolist() == [0, 4, 35, 39, 0, 4, 35, 39, 100, 104, 135, 139]


def test_real_files_are_read() -> None:
    for video in VIDEOS:
        made = build(val(4, 64, clips=3))(video)
        assert made.frames.shape == (12, 3, 64, 64) and made.frames.dtype == np.uint8
        assert made.decoder
        seed_everything(0)
        trained = build(train(4, 64, randaug_ops=4, randaug_magnitude=7))(video)
        assert trained.frames.shape == (4, 3, 64, 64) and trained.frames.dtype == np.uint8


def test_training_depends_on_the_seed_alone() -> None:
    film, spec = noise(60, 40, 50), train(4, 32, stride=4, randaug_ops=4, randaug_magnitude=7)
    made = []
    for seed in (0, 0, 1):
        seed_everything(seed)
        made.append(filmed(film, spec).frames)
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_a_clip_is_cut_and_augmented_as_one() -> None:
    still = np.repeat(noise(1, 40, 50), 60, axis=0)
    for seed in range(20):
        seed_everything(seed)
        frames = filmed(still, train(4, 32, randaug_ops=4, randaug_magnitude=7)).frames
        assert (frames == frames[:1]).all()


def test_there_is_no_flip() -> None:
    ramp = np.zeros((8, 40, 40, 3), np.uint8)
    ramp[:] = (np.arange(40, dtype=np.uint8) * 6)[None, None, :, None]
    for seed in range(20):
        seed_everything(seed)
        frames = filmed(ramp, train(4, 32, stride=1)).frames.astype(int)
        assert (frames[..., 0] <= frames[..., -1]).all()


@pytest.mark.parametrize(("smallest", "least"), [(None, 0.08), (0.5, 0.5)])
def test_crops_have_the_areas_and_proportions_they_should(
    smallest: float | None, least: float
) -> None:
    # Position is coded in the pixels: red tells the column, green the row.
    place = np.zeros((2, 100, 100, 3), np.uint8)
    place[..., 0] = np.arange(100)[None, None, :] * 2
    place[..., 1] = np.arange(100)[None, :, None] * 2
    given = {} if smallest is None else {"smallest_crop": smallest}
    spec = train(1, 32, stride=1, **given)
    areas, ratios = [], []
    for seed in range(300):
        seed_everything(seed)
        frame = filmed(place, spec).frames[0].astype(float) / 2
        across = (frame[0, 0, -1] - frame[0, 0, 0] + 1) * 32 / 31.5
        down = (frame[1, -1, 0] - frame[1, 0, 0] + 1) * 32 / 31.5
        areas.append(across * down / 1e4)
        ratios.append(across / down)
    assert abs(min(areas) - least) < 0.04 and 0.9 < max(areas) < 1.05
    assert 0.7 < min(ratios) < 0.8 and 1.25 < max(ratios) < 1.4
    assert abs(float(np.mean(areas)) - (least + 1) / 2) < 0.06


def test_operations_act_every_second_time_with_the_strength_that_is_given() -> None:
    image = Image.fromarray(noise(1, 24, 24)[0])
    unchanged = 0
    for seed in range(400):
        seed_everything(seed)
        unchanged += ClipRandAugment(1, 7)([image])[0].tobytes() == image.tobytes()
    # AutoContrast and SolarizeAdd may leave noise nearly as it is; the others do not.
    assert 160 < unchanged < 280


def test_different_frames_are_moved_by_one_draw() -> None:
    images = [Image.fromarray(frame) for frame in noise(3, 20, 100)]
    augment = ClipRandAugment(1, 7)
    widths = []
    for seed in range(200):
        seed_everything(seed)
        grey = [(np.asarray(image) == 128).all(axis=(0, 2)) for image in augment(images)]
        assert all((columns == grey[0]).all() for columns in grey)
        widths.append(int(grey[0].sum()))
    # 7 tenths of 45 % of the width, more or less; a shear leaves narrower grey edges.
    moved = [width for width in widths if width > 20]
    assert len(moved) >= 3 and all(24 <= width <= 40 for width in moved)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            val(8, crops=2),
            "the pipeline vitaclip does not have this number of spatial crops\n"
            "  got:     2\n  allowed: 1 or 3",
        ),
        (
            val(8, stride=-1),
            "the pipeline vitaclip does not take this value of its option 'frame_stride'\n"
            "  got:     frame_stride = -1\n  allowed: greater than or equal to 0",
        ),
        (
            train(8, smallest_crop=1.5),
            "the pipeline vitaclip does not take this value of its option 'smallest_crop'\n"
            "  got:     smallest_crop = 1.5\n  allowed: less than or equal to 1",
        ),
        (
            train(8, randaug_ops="two"),  # type: ignore[arg-type]
            "the pipeline vitaclip does not take this value of its option 'randaug_ops'\n"
            "  got:     randaug_ops = 'two'\n  allowed: a valid integer",
        ),
        (
            replace(train(8), flip=0.5),
            "the pipeline vitaclip has no flip\n  got:     flip = 0.5\n  allowed: 0\n"
            "  next:    set flip to 0 in the recipe",
        ),
        (
            replace(val(8), options={"frame_strid": 4}),
            "the pipeline vitaclip has no option 'frame_strid'; did you mean 'frame_stride'?\n"
            "  got:     frame_strid = 4\n"
            "  allowed: randaug_ops, randaug_magnitude, frame_stride, smallest_crop",
        ),
        (
            PipelineSpec("vificlip", "val", 8, 32, options={"frame_stride": 4}),
            "the pipeline vificlip has no option 'frame_stride'\n"
            "  got:     frame_stride = 4\n  allowed: (no option)",
        ),
    ],
)
def test_what_it_does_not_have(spec: PipelineSpec, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(spec)
    assert str(caught.value) == message
