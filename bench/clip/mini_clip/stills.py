"""Captioned still pictures of the world: what the mini CLIP learns from.

Captions tell look, place, size and posture. None names an action, and nothing is smeared by
motion: what "spinning" looks like has to be learnt from video. Some captions hold words that say
nothing about the picture, so that a word without meaning does not drown the look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.data.mini_world.scenes import (
    COLOURS,
    HEIGHT,
    SHAPES,
    WIDTH,
    Look,
    Pose,
    coverage,
    paint,
)

TEMPLATES = ("{}", "{}", "a {}", "a photo of a {}.", "a photo of a {}.", "a video of a {}.")
SOMETHING = 0.12
"""Share of captions that say "something" for the look."""
FILLED = 0.15
"""Share of captions with one or two words that say nothing about the picture."""
FILLERS = (
    *("today", "here", "again", "outside", "playing", "old", "nice", "morning", "home", "away"),
    *("working", "together", "waiting", "open", "city", "party", "holiday", "early", "fast"),
    *("quiet", "street", "summer", "friend", "going", "dancing", "cooking", "walking", "talking"),
    *("sitting", "reading", "holding", "running"),
)


@dataclass(frozen=True)
class Still:
    """A picture, uint8 RGB [S,S,3], and its caption."""

    image: NDArray[np.uint8]
    caption: str


def _posed(rng: np.random.Generator) -> tuple[Pose, str, str]:
    """A pose and the words before and after the look that describe it."""
    pose = Pose.still(1, rng)
    before, after = "", ""
    kind = int(rng.integers(7))
    if kind == 0:
        places = {"left": (-15, 0), "right": (15, 0), "top": (0, -13), "bottom": (0, 13)}
        place = str(rng.choice(list(places)))
        dx, dy = places[place]
        pose = replace(pose, x=pose.x + dx, y=pose.y + dy)
        after = f" at the {place}"
    elif kind == 1:
        before = str(rng.choice(["small", "large"]))
        size = rng.uniform(3.5, 6) if before == "small" else rng.uniform(13, 18)
        pose = replace(pose, radius=0 * pose.radius + size)
    elif kind == 2:
        before = "tilted"
        pose = replace(pose, angle=pose.angle + rng.uniform(0.35, 2 * pi - 0.35))
    elif kind == 3:
        before = "wide"
        pose = replace(pose, aspect=pose.aspect * rng.uniform(2.2, 4))
    elif kind == 4:
        before = str(rng.choice(["faint", "bright"]))
        level = rng.uniform(0.05, 0.5) if before == "faint" else rng.uniform(0.8, 1)
        pose = replace(pose, opacity=0 * pose.opacity + level)
    elif kind == 5:
        before = "double"
        pose = replace(pose, gap=pose.gap + rng.uniform(10, 26))
    return pose, before, after


def _crop(frame: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random square of the picture, most of its height, at ``side`` pixels."""
    cut = int(rng.integers(int(0.8 * HEIGHT), HEIGHT + 1))
    left = int(rng.integers((WIDTH - cut) // 3, WIDTH - cut - (WIDTH - cut) // 3 + 1))
    top = int(rng.integers(0, HEIGHT - cut + 1))
    square = frame[top : top + cut, left : left + cut]
    return np.asarray(
        cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def draw_still(side: int, rng: np.random.Generator) -> Still:
    """One captioned picture.

    Args:
        side: S, in pixels.
        rng: Decides everything.
    """
    look = Look(str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES)))
    pose, before, after = _posed(rng)
    image = _crop(paint(look, coverage(look.shape, pose), rng)[0], side, rng)
    if rng.random() < SOMETHING:
        words = f"something {before}{after}"
    else:
        words = f"{before} {look.words}{after}"
    if rng.random() < FILLED:
        words += " " + " ".join(rng.choice(FILLERS, size=rng.integers(1, 3)))
    template = str(rng.choice(TEMPLATES))
    return Still(image, template.format(" ".join(words.split())))
