from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import open_clip
import pytest

from bench.cli import main
from bench.clip import architecture
from bench.ground.errors import UsageError
from tests.tiny_clip import CONFIG

FOREIGN = [name for name in open_clip.list_models() if "CLIPA" in name or "worldwide" in name]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_model_with_another_tokenizer_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as error:
        architecture(name)
    text = open_clip.get_model_config(name)["text_cfg"]
    first, got = str(error.value).splitlines()[:2]
    assert first.startswith(f"{name} cannot be adapted here: its t")
    if not ("hf_model_name" in text or open_clip.get_model_config(name).get("custom_text")):
        assert f"hf_tokenizer_name = {text['hf_tokenizer_name']}" in got
        assert f"vocab_size = {text['vocab_size']}" in got


def test_thirteen_of_them_are_built_by_clips_class() -> None:
    configs = [open_clip.get_model_config(name) for name in FOREIGN]
    assert sum(not config.get("custom_text") for config in configs) == 13


def test_clips_own_are_taken_as_open_clip_has_them() -> None:
    for name in ("ViT-B-32", "ViT-B-16-quickgelu", "ViT-L-14-336", "ViT-bigG-14"):
        assert architecture(name) == open_clip.get_model_config(name)


@pytest.mark.parametrize(
    ("entry", "value"),
    [("no_causal_mask", True), ("pool_type", "last"), ("vocab_size", 250100), ("qk_norm", True)],
)
def test_a_file_of_ones_own_is_held_to_the_same(entry: str, value: object, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**CONFIG, "text_cfg": {**CONFIG["text_cfg"], entry: value}}))
    with pytest.raises(UsageError) as error:
        architecture(str(file))
    assert f"  got:     {entry} = {value}\n" in str(error.value)


def test_the_plan_refuses_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--all", "--set", "backbone.model=ViT-H-14-worldwide"]) == 2
    assert capsys.readouterr().err.startswith(
        "bench: ViT-H-14-worldwide cannot be adapted here: its texts are not tokenised, masked and "
        "read out as CLIP's\n"
    )


def test_no_torch_is_needed() -> None:
    script = (
        "import sys; from bench.clip.architectures import architecture; architecture('ViT-B-16');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
