from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from bench.data.video.decode import DecodeError
from bench.ground.errors import DataError, UsageError
from bench.upkeep.frames_dump import dump_frames
from tests.places import GOLDENS

PIPELINE_GOLDENS = GOLDENS / "pipeline"
VIDEO = PIPELINE_GOLDENS / "videos" / "v0_160x120_90f.mp4"


def test_val_frames(tmp_path: Path) -> None:
    golden = load_file(PIPELINE_GOLDENS / "pipeline_golden.safetensors")
    dump_frames(VIDEO, num_frames=8, size=64, out=tmp_path / "f.safetensors")
    made = load_file(tmp_path / "f.safetensors")
    assert set(made) == {"frame_inds", "u8"}
    assert (made["frame_inds"].dtype, made["u8"].dtype) == (np.int64, np.uint8)
    np.testing.assert_array_equal(made["frame_inds"], golden["v0.val.T8.S64.frame_inds"])
    np.testing.assert_array_equal(made["u8"], golden["v0.val.T8.S64.u8"])


@pytest.mark.parametrize("seed", [0, 1])
def test_train_frames_with_the_released_probabilities(tmp_path: Path, seed: int) -> None:
    golden = load_file(PIPELINE_GOLDENS / "pipeline_golden.safetensors")
    out = tmp_path / "f.safetensors"
    dump_frames(VIDEO, num_frames=4, size=64, mode="train", seed=seed, out=out)
    made = load_file(out)["u8"].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(made, golden[f"v0.train.T4.S64.seed{seed}.pre_norm_u8"])


def test_several_views(tmp_path: Path) -> None:
    golden = load_file(PIPELINE_GOLDENS / "pipeline_golden.safetensors")
    out = tmp_path / "f.safetensors"
    dump_frames(VIDEO, num_frames=8, size=64, clips=4, crops=3, seed=100, out=out)
    key = "v0.multiview4x3.T8.S64.npseed100"
    made = load_file(out)
    np.testing.assert_array_equal(made["frame_inds"], golden[f"{key}.frame_inds"])
    assert made["u8"].shape == (96, 3, 64, 64)
    np.testing.assert_array_equal(made["u8"][:48], golden[f"{key}.u8"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_frames": 0, "size": 64},
            "--num-frames is too small\n  got:     0\n  allowed: 1 or more",
        ),
        ({"num_frames": 8, "size": 7}, "--size is too small\n  got:     7\n  allowed: 8 or more"),
        (
            {"num_frames": 8, "size": 64, "crops": 2},
            "the pipeline vificlip does not have this number of spatial crops\n"
            "  got:     2\n  allowed: 1 or 3",
        ),
        (
            {"num_frames": 8, "size": 64, "clips": 4, "crops": 3, "mode": "train"},
            "several views exist at test time only\n  got:     --views 4x3 with --mode train\n"
            "  next:    drop --views, or use --mode val",
        ),
    ],
)
def test_arguments_out_of_range(tmp_path: Path, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        dump_frames(VIDEO, out=tmp_path / "f.safetensors", **arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message
    assert not (tmp_path / "f.safetensors").exists()


def test_an_unusable_video_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(DecodeError) as caught:
        dump_frames(tmp_path / "a.mp4", num_frames=8, size=64, out=tmp_path / "f.safetensors")
    assert str(caught.value) == (
        f"cannot decode {tmp_path / 'a.mp4'}: there is no such file (missing)"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_pipeline_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        dump_frames(VIDEO, num_frames=4, size=64, pipeline="vifclip", out=tmp_path / "f")
    assert str(caught.value) == (
        "unknown pipeline 'vifclip'; did you mean 'vificlip'?\n"
        "  allowed: a5, actionclip, vificlip, vitaclip"
    )


def test_a_file_in_place_of_a_folder_names_the_flag(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as caught:
        dump_frames(VIDEO, num_frames=4, size=64, out=tmp_path / "file" / "f.safetensors")
    assert caught.value.what == "cannot write f.safetensors"
    assert caught.value.next_step == "name another folder: --out FILE"
