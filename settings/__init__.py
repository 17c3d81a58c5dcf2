"""Experimental protocols: which clips and class names a method is trained and scored on."""

from __future__ import annotations

import importlib

from bench.ground.errors import unknown_name
from settings.base import Setting

_MODULES = {
    "zero-shot": "settings.zero_shot",
    "base-to-novel": "settings.base_to_novel",
    "few-shot": "settings.few_shot",
    "fully-supervised": "settings.fully_supervised",
}


def names() -> list[str]:
    """Every setting, in the order of the paper's tables."""
    return list(_MODULES)


def get(name: str) -> Setting:
    """The setting of that name.

    Raises:
        UsageError: There is none; the nearest name is suggested.
    """
    if name not in _MODULES:
        raise unknown_name("setting", name, _MODULES)
    setting: Setting = importlib.import_module(_MODULES[name]).SETTING
    return setting
