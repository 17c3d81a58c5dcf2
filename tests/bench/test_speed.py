from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import methods
from bench.cli import main
from bench.clip.mini_clip import MODEL_FILE
from bench.speed.counts import Cost, NoCost, count, count_all
from bench.speed.loop_world import LoopWorld, make_loop_world
from bench.speed.loops import compare_loops
from bench.speed.memory import PeakMemory
from bench.speed.paper_counts import RULES, paper_rows, printed
from bench.speed.setup import Setup
from bench.speed.tables import cost_table
from bench.speed.throughput import measure

ONE_CLASS = Setup(classes=1)
SMALL = Setup(str(MODEL_FILE), frames=4, classes=5)
FRAME = 17.563453  # GMACs of a frame in CLIP's ViT-B/16
TEXT = 2.979770368  # GMACs of a text of 77 tokens


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LoopWorld:
    return make_loop_world(tmp_path_factory.mktemp("loops"), SMALL)


@pytest.mark.parametrize(
    ("adapter", "parameters", "trainable"),
    [
        ("vanilla-clip", 124_323_841, 0),
        ("clip-image-ft", 124_323_841, 86_192_640),
        ("clip-text-ft", 124_323_841, 38_131_200),
        ("vifi-clip", 124_323_841, 124_323_841),
        ("xclip", 194_933_249, 131_505_152),
        ("a5", 155_973_121, 6_352_384),
    ],
)
def test_parameters_at_full_size(adapter: str, parameters: int, trainable: int) -> None:
    cost = count(adapter, ONE_CLASS)
    assert (cost.parameters, cost.trainable) == (parameters, trainable)


def test_sixteen_frames_and_one_text_of_vifi_clip() -> None:
    cost = count("vifi-clip", ONE_CLASS)
    assert cost.view == pytest.approx(16 * FRAME, rel=1e-6)
    assert cost.texts == pytest.approx(TEXT, rel=1e-9)


def test_texts_are_cut_behind_the_longest_and_counted_for_every_class() -> None:
    cost = count("vifi-clip", Setup(classes=3))
    # a photo of a <7 tokens> . with a start and an end token: 14 of 77.
    assert cost.texts == pytest.approx(3 * TEXT, rel=1e-9)
    assert 0.9 * 14 / 77 < cost.texts_here / cost.texts < 14 / 77


def test_prompts_cost_what_reads_them_only() -> None:
    cost = count("vl-prompting", ONE_CLASS)
    assert cost.view == pytest.approx(295.796, abs=1e-3)
    assert cost.view_here < 16 * FRAME


def test_variants_of_the_paper_are_counted_too() -> None:
    a5, a6 = count_all("a5", ONE_CLASS)
    assert (a5.title, a6.title) == ("A5", "A6")
    assert a6.trainable == 9_504_768
    assert a6.options == {"temporal_layers": 3}


def test_printed_numbers_are_met_where_the_parts_are_known() -> None:
    rows = {(row.method, row.parts): row for row in paper_rows(["xclip", "actionclip"])}
    xclip = rows["xclip", "16 frames, one text"]
    assert xclip.gmacs == pytest.approx(286.63, abs=0.01)
    assert round(xclip.gmacs) == xclip.gmacs_printed == 287
    assert xclip.parameters_m == pytest.approx(131.505152)
    actionclip = rows["actionclip", "32 frames, no text"]
    assert actionclip.gmacs == pytest.approx(562.641, abs=0.01)
    assert round(actionclip.gmacs) == actionclip.gmacs_printed == 563
    assert actionclip.throughput_printed == (67.7, 67.8)


def test_every_printed_row_has_a_rule() -> None:
    with_rules = {rule.adapter for rule in RULES}
    assert {adapter for adapter in methods.names() if printed(adapter, "gflops")} == with_rules


def test_counting_leaves_the_fused_layers_as_they_were() -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    count("vanilla-clip", SMALL)
    assert torch.backends.mha.get_fastpath_enabled() == before


@pytest.mark.parametrize("adapter", ["vanilla-clip", "vifi-clip", "xclip", "a5"])
def test_both_loops_give_the_same_results(world: LoopWorld, adapter: str) -> None:
    report = compare_loops(world, adapter)
    loops = [report.evaluation, *([report.training] if report.training else [])]
    assert len(loops) == (1 if adapter == "vanilla-clip" else 2)
    for loop in loops:
        assert loop.largest > 0
        assert loop.difference <= 1e-5 * loop.largest
        assert loop.ratio == pytest.approx(loop.plain / loop.again)


def test_loops_that_differ_would_show(world: LoopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.speed import loops

    ours = loops.our_evaluation

    def wrong(*args: object) -> loops.Outcome:
        outcome = ours(*args)  # type: ignore[arg-type]
        return loops.Outcome(outcome.seconds, outcome.values + 0.5)

    monkeypatch.setattr(loops, "our_evaluation", wrong)
    assert compare_loops(world, "vanilla-clip").evaluation.difference == pytest.approx(
        0.5, rel=1e-3
    )


def test_throughput_is_of_the_median_pass() -> None:
    found = measure("vifi-clip", SMALL, batch=3, device=torch.device("cpu"))
    assert found.views_per_second == pytest.approx(3 / (found.milliseconds / 1e3))
    assert found.slowest >= found.milliseconds > 0
    assert found.precision == "fp32"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
def test_peak_memory_sees_what_was_freed_again() -> None:
    peak = PeakMemory(torch.device("cpu"))
    block = torch.ones(16 * 2**20)  # 64 MiB
    del block
    found = peak.mib()
    assert found is None or 60 < found < 120


def test_a_method_that_does_not_fit_is_a_row_with_the_reason() -> None:
    table = cost_table([NoCost("mine", "Mine", "it needs 8 frames"), _cost()])
    assert "| Mine" in table
    assert "it needs 8 frames" in table
    assert "| Yours" in table


def _cost() -> Cost:
    return Cost("yours", "Yours", {}, 2_000_000, 1_000_000, 1.0, 0.5, 2.0, 1.0)


def test_json_holds_the_numbers_of_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "vifi-clip", "--model", str(MODEL_FILE), "--frames", "2"]
    arguments += ["--classes", "3", "--device", "cpu", "--batch", "2", "--json"]
    assert main(["speed", *arguments]) == 0
    counted, timed = json.loads(capsys.readouterr().out)
    assert counted["title"] == "Like for like"
    expected = asdict(count("vifi-clip", Setup(str(MODEL_FILE), frames=2, classes=3)))
    assert counted["rows"] == [expected]
    assert timed["title"] == "Throughput"
    assert timed["facts"].startswith("mini_clip, 2 frames of 32x32 pixels, 3 classes; ")
    assert timed["rows"][0]["views_per_second"] > 0


def test_a_frame_count_that_one_adapter_cannot_take(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["speed", "--no-throughput", "--frames", "100", "--model", str(MODEL_FILE)]
    assert main([*arguments, "--method", "actionclip"]) == 2
    assert capsys.readouterr().err == (
        "bench: ActionCLIP's Transf has too few frame positions\n"
        "  got:     num_frames = 100\n"
        "  allowed: at most 77\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "vify-clip"], "bench: unknown adapter 'vify-clip'; did you mean"),
        (["--model", "ViT-B-61"], "bench: unknown CLIP model 'ViT-B-61'; did you mean 'ViT-B-16'?"),
        (
            ["--model", "none.json"],
            "bench: the model configuration none.json cannot be read: ",
        ),
        (
            ["--size", "8"],
            "bench: frames of 8 pixels are smaller than a patch of ViT-B-16\n"
            "  got:     --size 8\n"
            "  allowed: at least 16\n",
        ),
    ],
)
def test_bad_input_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["speed", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_a_number_of_frames_is_at_least_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["speed", "--frames", "0"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "bench speed: argument --frames: got 0, allowed: 1 or more\n  next:    bench speed --help\n"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_without_cuda_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed", "--device", "cuda"]) == 2
    assert capsys.readouterr().err == (
        "bench: no CUDA device can be used here\n"
        "  got:     --device cuda\n"
        "  allowed: --device cpu\n"
        "  next:    bench speed --device cpu, or run it where nvidia-smi lists a GPU\n"
    )
