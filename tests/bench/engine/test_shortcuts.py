from __future__ import annotations

import pytest

from bench.engine.shortcuts import Shortcuts
from bench.errors import UsageError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Shortcuts()),
        ("on", Shortcuts()),
        ("off", Shortcuts.none()),
        (
            "frame_cache, text_once_a_list",
            Shortcuts(
                text_once_an_update=False,
                text_once_a_list=True,
                shared_features=False,
                frame_cache=True,
            ),
        ),
    ],
)
def test_the_environment_chooses(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: Shortcuts
) -> None:
    monkeypatch.delenv("BENCH_SHORTCUTS", raising=False)
    if value is not None:
        monkeypatch.setenv("BENCH_SHORTCUTS", value)
    assert Shortcuts.from_environment() == expected


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_SHORTCUTS", "frame_cache,magic")
    with pytest.raises(UsageError) as caught:
        Shortcuts.from_environment()
    assert str(caught.value) == (
        "unknown shortcut in BENCH_SHORTCUTS\n"
        "  got:     magic\n"
        "  allowed: on, off, or some of text_once_an_update, text_once_a_list, shared_features, "
        "frame_cache"
    )
