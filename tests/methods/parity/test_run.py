from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from bench.ground.errors import DataError, UsageError
from methods.parity.golden_case import METHODS
from methods.parity.run import ParityResult, passed, report, run_parity

FAMILY = ("vanilla-clip", "clip-image-ft", "clip-text-ft", "vifi-clip")


@pytest.fixture(scope="module")
def results() -> list[ParityResult]:
    return run_parity()


def test_the_four_methods_compute_what_the_original_code_computes(
    results: list[ParityResult],
) -> None:
    family = [result for result in results if result.adapter in FAMILY]
    assert [f"{r.case} {r.check} {r.note}" for r in family if r.status != "pass"] == []
    checks = {(r.case, r.check): r for r in family}
    for mode in ("both", "image", "text"):
        case = f"vificlip/{mode}"
        assert checks[case, "scores"].tolerance == 2e-4
        assert checks[case, "mid.text_features"].tolerance == 1e-4
        assert checks[case, "loss"].tolerance == 1e-4
        assert checks[case, "gradients"].tolerance == 2e-3
        assert {"released keys", "trainable", "after step", "after decay_step"} <= {
            check for name, check in checks if name == case
        }
    assert ("vanilla", "scores") in checks


def test_cases_without_an_adapter_are_no_passes(results: list[ParityResult]) -> None:
    covered = {result.case.split("/")[0] for result in results if result.adapter}
    listed = {result.case for result in results if result.status == "no adapter yet"}
    assert covered | listed == {path.stem for path in METHODS.glob("*/goldens/*.json")}
    assert not covered & listed
    only = ParityResult("x", "", "-", None, None, "no adapter yet")
    assert not passed([only])


def test_report_as_table_and_as_json(results: list[ParityResult]) -> None:
    text = report(results)
    assert "vificlip/both" in text
    assert "0 missed" in text.splitlines()[-1]
    body = json.loads(report(results, as_json=True))
    assert body["passed"] is True
    assert body["counts"]["pass"] == sum(r.status == "pass" for r in results)
    assert len(body["results"]) == len(results)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in METHODS.glob("vifi/goldens/vanilla.*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_wrong_output_is_a_miss(folder: Path) -> None:
    outputs = load_file(folder / "vanilla.safetensors")
    outputs["out.logits"][0, 0] += 3e-4
    save_file(outputs, folder / "vanilla.safetensors")
    results = run_parity(folder, ["vanilla-clip"])
    assert [r.check for r in results if r.status == "miss"] == ["scores"]
    assert not passed(results)


@pytest.mark.parametrize(
    ("key", "value", "missed"),
    [
        ("clip.activation", "gelu", {"mid.frame_features", "mid.text_features", "scores"}),
        ("class_names.0", "playing violin", {"prompts", "mid.text_features", "scores"}),
        ("spot_values", {"logit_scale": {"first": [4.3], "sum": 4.3}}, {"formula"}),
    ],
)
def test_typical_mistakes_are_caught(
    folder: Path, key: str, value: object, missed: set[str]
) -> None:
    spec = json.loads((folder / "vanilla.json").read_text())
    *parents, last = key.split(".")
    target = spec
    for parent in parents:
        target = target[parent]
    target[int(last) if last.isdigit() else last] = value
    (folder / "vanilla.json").write_text(json.dumps(spec))
    found = {r.check for r in run_parity(folder) if r.status == "miss"}
    assert missed <= found


def test_an_adapter_that_fails_is_a_miss_with_its_reason(folder: Path) -> None:
    spec = json.loads((folder / "vanilla.json").read_text())
    spec["checkpoint"]["parts"][0]["rename"] = {"logit_scale": "scale"}
    (folder / "vanilla.json").write_text(json.dumps(spec))
    results = run_parity(folder, ["vanilla-clip"])
    misses = [r for r in results if r.status == "miss"]
    assert [r.check for r in misses] == ["outputs"]
    assert "1 missing: logit_scale; 1 unexpected: scale" in misses[0].note


def test_bad_folders_and_names(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown adapter 'vanila-clip'; did you mean 'vanilla"):
        run_parity(folder, ["vanila-clip"])
    with pytest.raises(DataError, match="no golden case"):
        run_parity(tmp_path / "nowhere")
    (folder / "vanilla.safetensors").unlink()
    with pytest.raises(DataError, match="golden case vanilla cannot be read: FileNotFoundError"):
        run_parity(folder)
