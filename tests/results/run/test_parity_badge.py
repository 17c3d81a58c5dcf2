from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

import methods
from bench.cli import main
from methods.parity.golden_case import METHODS
from reports.formats import html as page
from results.numbers.aggregate import load_board
from results.run.parity_badge import NAME, MethodBadge, load_badge, write_badge
from tests.reports.example_run import write_example


def badge(**changes: object) -> MethodBadge:
    values = {
        "cases": 2,
        "comparisons": 30,
        "missed": 0,
        "largest": 1.5e-5,
        "date": "2026-03-01T12:00:00+00:00",
        "versions": {"torch": "2.15.0"},
        "code_sha256": "0" * 64,
    }
    return MethodBadge.model_validate({**values, **changes})


def test_a_badge_in_words() -> None:
    assert str(badge()) == (
        "2 cases, 30 comparisons passed, largest |Δ| 1.5e-05 (2026-03-01, torch 2.15.0)"
    )
    assert str(badge(missed=1, cases=1, largest=None)) == (
        "1 case, 1 of 30 comparisons missed (2026-03-01, torch 2.15.0)"
    )


def test_what_was_not_compared_keeps_its_badge(tmp_path: Path) -> None:
    path = tmp_path / "runs" / NAME
    assert load_badge(path) is None
    write_badge(path, {"xclip": badge(), "a5": badge(cases=1)})
    write_badge(path, {"a5": badge(cases=3)})
    found = load_badge(path)
    assert found is not None
    assert {name: own.cases for name, own in found.methods.items()} == {"xclip": 2, "a5": 3}
    path.write_text("{ half a file")
    assert load_badge(path) is None


def test_bench_parity_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goldens = tmp_path / "goldens"
    goldens.mkdir()
    for file in METHODS.glob("vifi/goldens/vanilla.*"):
        shutil.copy(file, goldens)
    monkeypatch.chdir(tmp_path)
    assert main(["parity", "--goldens", str(goldens), "--method", "vanilla-clip"]) == 0
    own = json.loads((tmp_path / "runs" / NAME).read_text())["methods"]["vanilla-clip"]
    assert (own["cases"], own["missed"]) == (1, 0)
    assert own["largest"] < 2e-4
    assert own["code_sha256"] == methods.EXTENSIONS.code_sha256("vanilla-clip")
    assert set(own["versions"]) == {"torch", "open_clip_torch", "clip-video-bench"}


def test_the_leaderboard_beside_it_shows_it(tmp_path: Path) -> None:
    write_example(tmp_path / "example")
    now = datetime(2026, 3, 1, tzinfo=timezone.utc)
    assert "Against its authors’ code" not in page.render(load_board([tmp_path / "example"]), now)
    write_badge(tmp_path / NAME, {"vifi-clip": badge()})
    html = page.render(load_board([tmp_path / "example"]), now)
    shown = "Against its authors’ code: 2 cases, 30 comparisons passed, largest |Δ| 1.5e-05"
    assert html.count(shown) == 1
