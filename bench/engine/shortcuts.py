"""Faster ways that change no number, each with a switch so that it can be measured."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from bench.ground.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

VARIABLE = "BENCH_SHORTCUTS"


@dataclass(frozen=True)
class Shortcuts:
    """Which shortcuts are taken; all of them unless told otherwise.

    Attributes:
        text_once_per_update: In training, the text tower runs once per update.
        text_once_per_list: In evaluation, the text tower runs once per class list.
        shared_features: Image features of frozen towers are kept in the cache folder.
        features_once: In training of methods that say so, and without augmentation, the features
            of all frames of a clip are computed once and kept in the cache folder.
        frame_cache: Decoded test frames are kept in the cache folder.
        cut_text: The text tower runs on the tokens up to the last end token.
        exact_forms: Methods leave out what no output depends on.
    """

    text_once_per_update: bool = True
    text_once_per_list: bool = True
    shared_features: bool = True
    features_once: bool = True
    frame_cache: bool = True
    cut_text: bool = True
    exact_forms: bool = True

    @classmethod
    def none(cls) -> Shortcuts:
        """Everything the long way."""
        return cls(**dict.fromkeys(_NAMES, False))

    @classmethod
    def from_environment(cls) -> Shortcuts:
        """What ``BENCH_SHORTCUTS`` says: ``on``, ``off``, or the names to take, with commas.

        Raises:
            UsageError: A name is unknown.
        """
        value = os.environ.get(VARIABLE, "on").strip()
        if value in ("", "on"):
            return cls()
        if value == "off":
            return cls.none()
        chosen = {name.strip() for name in value.split(",")}
        if unknown := sorted(chosen - set(_NAMES)):
            raise UsageError(
                f"unknown shortcut in {VARIABLE}",
                got=", ".join(unknown),
                allowed="on, off, or some of " + ", ".join(_NAMES),
            )
        return cls(**{name: name in chosen for name in _NAMES})

    def set_switches(self, method: nn.Module) -> None:
        """Turn an adapter's own shortcuts on or off, in it and in its parts.

        Switches are the boolean attributes ``cut_text``, ``shortcuts`` and ``share_...``.
        """
        for module in method.modules():
            shared = [name for name in vars(module) if name.startswith("share_")]
            for name in ("cut_text", "shortcuts", *shared):
                if isinstance(getattr(module, name, None), bool):
                    setattr(module, name, self.cut_text if name == "cut_text" else self.exact_forms)


_NAMES = tuple(field.name for field in fields(Shortcuts))
