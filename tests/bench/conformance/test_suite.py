from __future__ import annotations

import json
from pathlib import Path

import pytest

import methods
from bench.conformance import suite as conformance
from bench.ground.errors import UsageError
from bench.ground.extensions import load_plugins

BROKEN = Path(__file__).with_name("broken_adapters.py")


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    assert load_plugins([BROKEN]) == []


@pytest.mark.parametrize("name", methods.names())
def test_every_adapter_of_the_project_conforms(name: str) -> None:
    checks = conformance.run(name)
    assert conformance.passed(checks), conformance.report(checks)
    assert [check.name for check in checks] == list(conformance.CHECKS)
    assert sum(check.seconds for check in checks) < 60


@pytest.mark.parametrize(
    ("adapter", "options"),
    [
        ("actionclip", {"fusion": "meanP", "train_text": False}),
        ("actionclip", {"fusion": "LSTM"}),
        ("actionclip", {"temporal_shift": True}),
        ("xclip", {"train_text": True, "mit_layers": 0}),
        ("vl-prompting", {"n_ctx_text": 2, "prompt_depth_vision": 0, "prompt_depth_text": 1}),
    ],
)
def test_options_conform_too(adapter: str, options: dict[str, object]) -> None:
    checks = conformance.run(adapter, options=options)
    assert conformance.passed(checks), conformance.report(checks)


@pytest.mark.parametrize(
    ("adapter", "check", "reason"),
    [
        ("borrowed-origin", "facts", "origin is that of the class it derives from"),
        ("no-pipeline", "facts", "names the pipeline 'of-nobody', which does not exist"),
        ("nothing-trained", "facts", "trains = True, but 0 parameters"),
        ("transposed", "shapes", "scores of 1 clips and 4 classes are [4, 1]"),
        ("blind", "shapes", "different clips get the same scores"),
        ("loss-per-clip", "shapes", "the loss is [3], not a scalar"),
        ("overflows", "finite values", "the scores of black clips are not finite"),
        ("unreached", "gradients", "no gradient reaches 1 of 86 trainable parameters: forgotten"),
        ("half-groups", "parameter groups", "parameter_groups lacks: logit_scale"),
        ("twice-in-groups", "parameter groups", "parameter_groups holds twice: logit_scale"),
        ("lazy", "no late parameters", "a forward pass made, dropped or replaced"),
        ("stale-classes", "class lists", "set_classes and a new model: they differ by"),
        ("forgets-random", "save and load", "kept_names() must name"),
        ("starts-from-elsewhere", "starts from", "the checkpoint of xclip is refused"),
        ("batch-statistics", "batch independence", "clips alone and in a batch"),
        ("four-frames-only", "frame counts", "num_frames = 2 ends in RuntimeError"),
        ("refuses-all-frames", "frame counts", "every number of frames is refused"),
        ("single-precision", "autocast", "RuntimeError"),
        (
            "left-behind",
            "another device",
            "after .to(device): aten::mul: a tensor on the CPU ([64])",
        ),
        ("new-on-the-cpu", "another device", "beside one on another device; keep tensors as"),
        ("comes-back", "another device", "scores or loss come back on the CPU"),
        ("restless", "determinism", "other scores the second time"),
        ("awake-again", "determinism", "into training mode: image_encoder"),
        ("detached-text", "text reuse", "has a gradient only with or only without"),
        ("ignores-text", "text reuse", "scores with encode_text() reused: they differ"),
        ("ids-only", "targets", "RuntimeError"),
        ("spans-with-soft-targets", "targets", "refuse soft targets with a UsageError"),
        ("says-frozen", "frozen image tower", "encode_frames depends on trained parameters"),
        ("lax-release", "released keys", "takes an alien tensor without a word"),
        ("silently-ignores", "released keys", "takes an alien tensor without a word"),
        ("runs-pickles", "no pickled code", "ran code from a pickle"),
    ],
)
def test_a_broken_adapter_fails_its_check(adapter: str, check: str, reason: str) -> None:
    (outcome,) = conformance.run(adapter, only=[check])
    assert outcome.status == "fail"
    assert reason in outcome.reason
    assert not conformance.passed([outcome])


def test_every_check_has_an_adapter_that_fails_it() -> None:
    (mark,) = (m for m in test_a_broken_adapter_fails_its_check.pytestmark)  # type: ignore[attr-defined]
    assert {check for _, check, _ in mark.args[1]} == set(conformance.CHECKS)


def test_what_does_not_apply_is_said() -> None:
    (outcome,) = conformance.run("vanilla-clip", only=["gradients"])
    assert (outcome.status, outcome.reason) == ("skip", "not trained")
    assert conformance.passed([outcome])
    assert not conformance.passed([])


def test_report_as_lines_and_as_json() -> None:
    checks = conformance.run("half-groups", only=["facts", "parameter groups"])
    text = conformance.report(checks)
    assert text.splitlines()[0].startswith("pass  facts               x; 85 trainable")
    assert text.splitlines()[-1].startswith("1 passed, 1 failed, 0 do not apply (")
    body = json.loads(conformance.report(checks, as_json=True))
    assert body["passed"] is False
    assert body["counts"] == {"pass": 1, "fail": 1, "skip": 0}
    assert [check["name"] for check in body["checks"]] == ["facts", "parameter groups"]


def test_wrong_requests_are_usage_errors() -> None:
    with pytest.raises(UsageError, match=r"unknown adapter 'xclp'; did you mean 'xclip'\?"):
        conformance.run("xclp")
    with pytest.raises(UsageError, match=r"unknown check 'shape'; did you mean 'shapes'\?"):
        conformance.run("xclip", only=["shape"])
    with pytest.raises(UsageError, match="unknown option of xclip 'mit'"):
        conformance.run("xclip", options={"mit": 1})
    with pytest.raises(UsageError, match="the checks need videos"):
        conformance.run("xclip", num_frames=1)
