from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from bench.clip import LoadedBackbone, load_backbone, tokenize
from bench.clip.backbone_ref import BackboneRef
from bench.clip.mini_clip import MODEL_FILE, WEIGHTS_FILE
from bench.clip.mini_clip.stills import draw_still
from bench.clip.mini_clip.tokens import expand_token_rows, untrained_rows
from bench.data.mini_world.annotations import plans
from bench.data.mini_world.classes import EVERY_CLASS
from bench.data.mini_world.scenes import COLOURS, SHAPES
from bench.data.pipelines import build
from bench.data.pipelines.base import PipelineSpec
from methods.facts import IMAGENET


@pytest.fixture(scope="module")
def backbone() -> LoadedBackbone:
    return load_backbone(BackboneRef(model=str(MODEL_FILE), weights=str(WEIGHTS_FILE)))


def _encode(backbone: LoadedBackbone, frames: np.ndarray) -> torch.Tensor:
    """Normalised features [n,E] of uint8 frames [n,3,S,S]."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    pixels = (torch.from_numpy(frames).float() - mean) / std
    with torch.no_grad():
        return backbone.model.encode_image(pixels, normalize=True)


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 99), max_size=20), st.integers(1, 8))
def test_stored_rows_go_to_their_ids_and_the_rest_is_untrained(known: set[int], width: int) -> None:
    ids = torch.tensor(sorted(known), dtype=torch.int32)
    rows = torch.arange(len(ids) * width, dtype=torch.float16).view(len(ids), width) + 7
    other = torch.ones(3)
    state = {"token_embedding.ids": ids, "token_embedding.rows": rows, "ln_final.weight": other}
    whole = expand_token_rows(state, 100)
    assert set(whole) == {"token_embedding.weight", "ln_final.weight"}
    assert whole["ln_final.weight"] is other
    table = whole["token_embedding.weight"]
    assert table.shape == (100, width) and table.dtype == torch.float32
    assert torch.equal(table[ids.long()], rows.float())
    unknown = sorted(set(range(100)) - known)
    assert torch.equal(table[unknown], untrained_rows(100, width)[unknown])


def test_a_state_dict_with_a_whole_table_is_left_alone() -> None:
    state = {"token_embedding.weight": torch.ones(4, 2)}
    assert expand_token_rows(state, 4) == state


def test_rows_that_do_not_fit_are_refused() -> None:
    state = {"token_embedding.ids": torch.tensor([1, 9]), "token_embedding.rows": torch.ones(2, 3)}
    with pytest.raises(ValueError, match=r"ids run from 1 to 9; the vocabulary has 9"):
        expand_token_rows(state, 9)
    state["token_embedding.rows"] = torch.ones(1, 3)
    with pytest.raises(ValueError, match=r"ids \(2,\) and token_embedding.rows \(1, 3\) do not"):
        expand_token_rows(state, 10)


def test_the_weights_are_small_and_hold_every_class_name() -> None:
    assert WEIGHTS_FILE.stat().st_size < 2e6
    ids = set(load_file(WEIGHTS_FILE)["token_embedding.ids"].tolist())
    texts = [f"a photo of a {item.text}." for item in EVERY_CLASS]
    assert set(tokenize(texts).unique().tolist()) <= ids


def test_it_is_a_quick_gelu_model_of_32_pixels(backbone: LoadedBackbone) -> None:
    assert backbone.quick_gelu
    assert backbone.image_size == 32


def test_it_knows_looks_from_stills_it_never_saw(backbone: LoadedBackbone) -> None:
    looks = [f"{colour} {shape}" for colour, shape in product(COLOURS, SHAPES)]
    stills = [draw_still(32, np.random.default_rng(10**6 + n)) for n in range(400)]
    named = [
        (still.image, next(n for n, look in enumerate(looks) if look in still.caption))
        for still in stills
        if any(look in still.caption for look in looks)
    ]
    assert len(named) > 200
    frames = np.stack([image for image, _ in named]).transpose(0, 3, 1, 2)
    with torch.no_grad():
        text = backbone.model.encode_text(tokenize(looks), normalize=True)
    guesses = (_encode(backbone, frames) @ text.T).argmax(dim=1)
    right = (guesses == torch.tensor([look for _, look in named])).float().mean()
    assert right > 0.35  # chance is 1/64; many are faint or tiny


@pytest.mark.parametrize("num_frames", [4, 8])
def test_averaged_frames_cannot_tell_a_clip_from_its_reversal(
    backbone: LoadedBackbone, world: Path, num_frames: int
) -> None:
    plan = next(plan for plan in plans() if plan.name == "mini-ssv2")
    forward = {clip.seed: clip for clip in plan.clips if not clip.reverse}
    pipeline = build(
        PipelineSpec("vificlip", mode="val", num_frames=num_frames, image_size=backbone.image_size)
    )

    def feature(file: str) -> torch.Tensor:
        frames = pipeline(world / plan.name / "videos" / file).frames
        return torch.nn.functional.normalize(_encode(backbone, frames).mean(dim=0), dim=0)

    backward = [clip for clip in plan.clips if clip.reverse][::10]
    own = torch.stack([feature(clip.file) for clip in backward])
    partner = torch.stack([feature(forward[clip.seed].file) for clip in backward])
    nearest = (own @ partner.T).argmax(dim=1)
    assert torch.equal(nearest, torch.arange(len(backward)))
    assert (own * partner).sum(dim=1).min() > 0.98
