"""The class lists of the five datasets, and how many clips each class has.

Every look occurs with several actions, so that the action words decide; no look of the targets
occurs in the source.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.data.mini_world.scenes import Look


@dataclass(frozen=True)
class ActionClass:
    """A class: one look doing one action.

    Attributes:
        look: What acts; None where every clip has another look.
        action: Key of ``scenes.ACTIONS``.
        name: The class name.
        reverse: Clips are the time reversal of those of the class with the same action.
    """

    look: Look | None
    action: str
    name: str
    reverse: bool = False

    @property
    def text(self) -> str:
        """The name as a model reads it, without brackets."""
        return self.name.replace("[", "").replace("]", "")


def _classes(table: dict[str, tuple[str, ...]]) -> tuple[ActionClass, ...]:
    """Look words -> its actions, as classes sorted by name."""
    found = []
    for words, actions in table.items():
        colour, shape = words.split()
        for action in actions:
            found.append(ActionClass(Look(colour, shape), action, f"{words} {action}"))
    return tuple(sorted(found, key=lambda item: item.name))


KINETICS400 = _classes(
    {
        "blue cross": ("spinning", "bouncing", "growing"),
        "blue square": ("blinking", "moving sideways", "splitting"),
        "green star": ("bouncing", "stretching", "circling"),
        "red square": ("spinning", "growing", "circling"),
        "red triangle": ("moving sideways", "blinking", "stretching"),
        "yellow triangle": ("splitting", "spinning", "bouncing"),
    }
)
KINETICS600_NEW = _classes(
    {
        "green cross": ("blinking", "spinning", "splitting"),
        "purple square": ("bouncing", "growing", "moving sideways"),
        "red star": ("circling", "growing", "stretching"),
        "white triangle": ("blinking", "circling", "moving sideways"),
    }
)
HMDB51 = _classes(
    {
        "black star": ("blinking", "growing", "moving sideways"),
        "green triangle": ("bouncing", "circling", "stretching"),
        "purple cross": ("blinking", "bouncing", "growing"),
        "white square": ("circling", "moving sideways", "spinning"),
    }
)
UCF101 = _classes(
    {
        "blue star": ("bouncing", "spinning", "stretching"),
        "pink square": ("blinking", "circling", "growing"),
        "purple triangle": ("blinking", "moving sideways", "spinning"),
        "yellow cross": ("bouncing", "circling", "growing"),
    }
)
SSV2 = (
    ActionClass(None, "going right", "Moving [something] from left to right"),
    ActionClass(None, "going right", "Moving [something] from right to left", reverse=True),
    ActionClass(None, "going down", "Moving [something] from top to bottom"),
    ActionClass(None, "going down", "Moving [something] from bottom to top", reverse=True),
    ActionClass(None, "growing", "Making [something] bigger"),
    ActionClass(None, "growing", "Making [something] smaller", reverse=True),
    ActionClass(None, "brightening", "Turning [something] from faint to bright"),
    ActionClass(None, "brightening", "Turning [something] from bright to faint", reverse=True),
)
"""Pairs that differ only in the direction of time; templates as in the official json files."""

SSV2_LOOKS = (
    Look("red", "square"),
    Look("blue", "star"),
    Look("yellow", "cross"),
    Look("green", "triangle"),
)
"""Few, so that 16 clips a class are enough to learn what the order of frames means."""

EVERY_CLASS = (*KINETICS400, *KINETICS600_NEW, *HMDB51, *UCF101, *SSV2)
