from __future__ import annotations

import json
import random
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from bench.data.kept.decoded_clips import KeptVideo
from bench.data.pipelines import EXTENSIONS, build
from bench.data.pipelines.a5.frames import A5Pipeline, draw_window
from bench.data.pipelines.base import ClipFrames, PipelineSpec
from bench.data.video.decode import open_video
from bench.ground.errors import UsageError
from bench.ground.seeds import seed_everything
from tests.places import GOLDENS

VIDEO = GOLDENS / "pipeline" / "videos" / "v0_160x120_90f.mp4"
DIVISORS = (1, 2, 3, 3, 3, 4)


def val(frames: int, clips: int = 1, crops: int = 1, size: int = 32) -> PipelineSpec:
    return PipelineSpec("a5", "val", frames, size, clips, crops)


def train(frames: int, **changes: Any) -> PipelineSpec:
    return PipelineSpec("a5", "train", frames, 32, **changes)


def python_seed(divisor: int) -> int:
    """A seed with which the rate 1/divisor is drawn."""
    for seed in range(1000):
        random.seed(seed)
        if random.choice(DIVISORS) == divisor:
            return seed
    raise AssertionError(divisor)


def filmed(frames: NDArray[np.uint8], spec: PipelineSpec) -> ClipFrames:
    """The pipeline's output for a video with these frames."""
    return build(spec, lambda _: KeptVideo(frames, "decord"))(Path("a video"))


def test_windows_equal_the_original_in_every_recorded_case() -> None:
    cases = json.loads((GOLDENS / "a5" / "sampler.json").read_text())["cases"]
    assert len(cases) == 300
    seeds = {divisor: python_seed(divisor) for divisor in set(DIVISORS)}
    for total, count, divisor, seed, draws, first, steps in cases:
        random.seed(seeds[divisor])
        np.random.seed(seed)
        window = draw_window(total, count).tolist()
        assert window == list(accumulate(map(int, steps), initial=first)), (total, count, divisor)
        # And as many draws were made: the generator stands where the original's stood.
        after = np.random.randint(2**31)
        np.random.seed(seed)
        thinned = round(total / divisor)
        rooms = (divisor, (thinned if thinned > count else total) - count)
        assert [np.random.randint(room) for room in rooms] == draws
        assert np.random.randint(2**31) == after


@given(st.integers(1, 400), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_window_is_of_neighbours_at_one_of_the_rates(total: int, count: int, seed: int) -> None:
    seed_everything(seed)
    window = draw_window(total, count)
    assert window.shape == (count,)
    assert window.min() >= 0 and window.max() < total
    steps = np.diff(window)
    if total <= count:
        assert window.tolist() == [*range(total), *[total - 1] * (count - total)]
    elif count > 1:
        assert steps.min() >= 1 and steps.max() <= 5 and steps.max() - steps.min() <= 1


def test_the_rates_have_their_chances() -> None:
    seed_everything(0)
    steps = [int(np.median(np.diff(draw_window(1000, 16)))) for _ in range(1200)]
    shares = [steps.count(step) / len(steps) for step in (1, 2, 3, 4)]
    assert shares == pytest.approx([1 / 6, 1 / 6, 1 / 2, 1 / 6], abs=0.04)


def test_frames_are_resized_and_cut_as_by_the_published_script() -> None:
    made = build(val(3, size=64))(VIDEO)
    decoded = open_video(VIDEO).get_frames(made.frame_inds.tolist())
    assert decoded.shape == (3, 120, 160, 3)
    for frame, got in zip(decoded, made.frames, strict=True):
        # 64 pixels along the shorter side, the middle of the longer one.
        small = Image.fromarray(frame).resize((85, 64), Image.Resampling.BICUBIC)
        wanted = np.asarray(small.crop((10, 0, 74, 64))).transpose(2, 0, 1)
        np.testing.assert_array_equal(got, wanted)


def test_one_view_has_the_middles_of_segments_and_no_draw() -> None:
    pipeline = build(val(4))
    assert isinstance(pipeline, A5Pipeline)
    assert pipeline.sample(40).tolist() == [5, 15, 25, 35]
    assert not pipeline.spec.random
    seed_everything(0)
    pipeline(VIDEO)
    drawn = random.random(), np.random.random()
    seed_everything(0)
    assert drawn == (random.random(), np.random.random())


def test_several_views_are_windows_drawn_one_after_the_other() -> None:
    seed_everything(5)
    wanted = [draw_window(90, 8) for _ in range(5)]
    seed_everything(5)
    made = build(val(8, clips=5))(VIDEO)
    np.testing.assert_array_equal(made.frame_inds, np.concatenate(wanted))
    assert made.frames.shape == (40, 3, 32, 32)
    assert len({tuple(window) for window in wanted}) > 1
    # Each index shows its own frame, repeats included.
    every = build(PipelineSpec("a5", "every", 1, 32))(VIDEO)
    np.testing.assert_array_equal(made.frames, every.frames[made.frame_inds])


def test_training_draws_what_the_sampler_draws_and_changes_no_pixel() -> None:
    pipeline = build(train(8))
    every = build(PipelineSpec("a5", "every", 1, 32))(VIDEO)
    assert every.frame_inds.tolist() == list(range(90))
    assert isinstance(pipeline, A5Pipeline)
    for seed in range(5):
        seed_everything(seed)
        made = pipeline(VIDEO)
        seed_everything(seed)
        np.testing.assert_array_equal(made.frame_inds, pipeline.sample(90))
        np.testing.assert_array_equal(made.frames, every.frames[made.frame_inds])


def test_a_short_video_ends_in_a_still() -> None:
    frames = np.random.RandomState(0).randint(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    made = filmed(frames, train(5))
    assert made.frame_inds.tolist() == [0, 1, 2, 2, 2]
    np.testing.assert_array_equal(made.frames.transpose(0, 2, 3, 1), frames[[0, 1, 2, 2, 2]])


def test_augmentation_happens_where_it_is_asked_for() -> None:
    frames = np.random.RandomState(0).randint(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    flipped = filmed(frames, train(5, flip=1.0)).frames.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(flipped, frames[[0, 1, 2, 2, 2], :, ::-1])
    grey = filmed(frames, train(5, gray_scale=1.0)).frames
    np.testing.assert_array_equal(grey[:, 0], grey[:, 2])
    seed_everything(0)
    jittered = filmed(frames, train(5, color_jitter=1.0)).frames
    assert not np.array_equal(jittered, filmed(frames, train(5)).frames)


@pytest.mark.parametrize(("shape", "along"), [((40, 60), 1), ((60, 40), 0), ((40, 40), 1)])
def test_three_crops_lie_along_the_longer_side(shape: tuple[int, int], along: int) -> None:
    frames = np.random.RandomState(0).randint(0, 256, (6, *shape, 3), dtype=np.uint8)
    seed_everything(0)
    made = filmed(frames, val(2, clips=3, crops=3, size=40)).frames.transpose(0, 2, 3, 1)
    seed_everything(0)
    windows = np.concatenate([draw_window(6, 2) for _ in range(3)])
    # Crop outermost, then clip, then frame: both ends, then the middle.
    for crop, start in zip(made.reshape(3, 6, 40, 40, 3), (0, max(shape) - 40, 10), strict=True):
        start = start if max(shape) > 40 else 0
        wanted = frames[windows].take(range(start, start + 40), axis=1 + along)
        np.testing.assert_array_equal(crop, wanted)


def test_two_crops_do_not_exist() -> None:
    with pytest.raises(UsageError) as error:
        build(val(4, crops=2))
    assert str(error.value) == (
        "the pipeline a5 does not have this number of spatial crops\n"
        "  got:     2\n  allowed: 1 or 3"
    )


def test_not_every_pipeline_gives_all_frames() -> None:
    assert EXTENSIONS.get("a5").gives_every_frame
    assert not EXTENSIONS.get("vificlip").gives_every_frame
    with pytest.raises(UsageError) as error:
        build(PipelineSpec("vificlip", "every", 1, 32))
    assert str(error.value) == (
        "the pipeline vificlip does not give all frames of a video\n  got:     mode = 'every'"
    )
