from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import methods
from bench.ground.errors import WeightsError
from methods.checkpoints.identify import identify
from tests.tiny_clip import tiny_clip


def actionclip(**options: Any) -> Any:
    torch.manual_seed(0)
    return methods.create(
        "actionclip",
        clip=tiny_clip(),
        class_names=("red circle", "blue square"),
        num_frames=4,
        **options,
    )


@pytest.mark.parametrize("shifted", [True, False])
def test_a_file_of_the_other_kind_is_refused(shifted: bool) -> None:
    content = actionclip(temporal_shift=shifted).original_content()
    with pytest.raises(WeightsError) as error:
        actionclip(temporal_shift=not shifted).load_released(content)
    made, names = (
        ("with", ".net. in its names") if shifted else ("without", "no .net. in its names")
    )
    assert str(error.value) == (
        f"the checkpoint was made {made} ActionCLIP's temporal shift ({names})\n"
        f"  got:     temporal_shift = {not shifted}\n"
        f"  allowed: temporal_shift = {shifted}\n"
        f"  next:    set the method's option temporal_shift = {shifted}"
    )


def test_the_shift_is_reported(tmp_path: Path) -> None:
    for fusion in ("Transf", "meanP"):
        file = tmp_path / f"{fusion}.pt"
        torch.save(actionclip(temporal_shift=True, fusion=fusion).original_content(), file)
        found = identify(file)
        assert (found.method, found.problem) == ("actionclip", "")
        assert found.options == {"fusion": fusion, "temporal_shift": True}
