from __future__ import annotations

import pytest

import methods
from bench.engine.shortcuts import Shortcuts
from bench.errors import UsageError
from tests.tiny_clip import tiny_clip


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
                features_once=False,
                frame_cache=True,
                cut_text=False,
                exact_forms=False,
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
        "features_once, frame_cache, cut_text, exact_forms"
    )


@pytest.mark.parametrize("taken", [True, False])
def test_the_switches_of_adapters_and_of_their_parts_follow(taken: bool) -> None:
    method = methods.create("xclip", clip=tiny_clip(), class_names=["a"], num_frames=2)
    (Shortcuts() if taken else Shortcuts.none()).set_switches(method)
    switches = [
        getattr(module, name)
        for module in method.modules()
        for name in ("cut_text", "shortcuts")
        if hasattr(module, name)
    ]
    # The method, its prompt generator, and both blocks of the image tower.
    assert switches == [taken] * 5
