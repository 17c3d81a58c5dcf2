"""What the configuration inside a released file says; it is inert data, nothing of it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.clip import Inert

_FRAMES_KEYS = ("NUM_FRAMES", "num_frames", "num_segments", "numF")
_MOST = 10_000
"""Entries that are looked at."""

_TRAINED_TOWERS = {"image": "clip-image-ft", "text": "clip-text-ft", "both": "vifi-clip"}
"""``TRAINER.ViFi_CLIP.USE`` -> adapter; the three write the same tensors."""
RELEASED_TOGETHER = tuple(_TRAINED_TOWERS.values())
"""Adapters whose files only their configuration tells apart."""


def frames_in(content: Mapping[str, Any]) -> int | None:
    """Frames per video, or None where nothing says."""
    found = _first(content, lambda key, value: key in _FRAMES_KEYS and _is_count(value))
    return None if found is None else int(found)


def vifi_method_in(content: Mapping[str, Any]) -> str | None:
    """Which of ViFi-CLIP, image-FT and text-FT a file of that release is, or None.

    Its training says in the configuration which towers it trained.
    """
    found = _first(content, lambda key, value: key == "USE" and str(value) in _TRAINED_TOWERS)
    return None if found is None else _TRAINED_TOWERS[found]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _first(content: Mapping[str, Any], wanted: Callable[[Any, Any], bool]) -> Any:
    return next((value for key, value in _entries(content) if wanted(key, value)), None)


def _entries(content: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Keys and values of the configuration, the outer ones first."""
    queue: list[Any] = [content.get("config"), content.get("args")]
    for node in queue:
        parts: dict[Any, Any] = {}
        if isinstance(node, Inert):
            parts = {**node.items, **(node.state if isinstance(node.state, dict) else {})}
        elif isinstance(node, Mapping):
            parts = dict(node)
        for key, value in parts.items():
            if isinstance(key, str):
                yield key, value
            if len(queue) < _MOST and isinstance(value, Inert | Mapping):
                queue.append(value)
