"""Drawing: looks (shape and colour) that act on textured grounds.

Everything is a pure function of its arguments and a numpy generator. A frame is exposed for its
whole duration, so fast motion smears along its axis (but never tells its direction).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 64, 48
EXPOSURES = 3
"""Instants averaged into one frame."""
GRAIN = 5.0
"""Standard deviation of the noise of each pixel and frame, in 0..255."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 35, 35),
    "green": (35, 170, 50),
    "blue": (40, 70, 225),
    "yellow": (235, 215, 40),
    "purple": (145, 45, 190),
    "white": (245, 245, 245),
    "black": (12, 12, 12),
    "pink": (250, 140, 190),
}
SHAPES = ("circle", "ring", "square", "triangle", "star", "cross", "moon", "bar")


@dataclass(frozen=True)
class Look:
    """What acts: a coloured shape."""

    colour: str
    shape: str

    @property
    def words(self) -> str:
        """For example ``red star``."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Pose:
    """Where and how the shape is, at N instants.

    Attributes:
        x: Centre in pixels from the left, [N].
        y: Centre in pixels from the top, [N].
        radius: In pixels, [N].
        angle: In radians, [N].
        aspect: Width over height at equal area, [N].
        opacity: 0 (not there) to 1, [N].
        gap: Distance in pixels between the two halves of a shape that splits; 0 is one, [N].
    """

    x: Array
    y: Array
    radius: Array
    angle: Array
    aspect: Array
    opacity: Array
    gap: Array

    @classmethod
    def still(cls, instants: int, rng: np.random.Generator) -> Pose:
        """A shape at rest near the middle, drawn at random."""

        def constant(value: float) -> Array:
            return np.full(instants, value, dtype=np.float32)

        return cls(
            x=constant(WIDTH / 2 + rng.uniform(-6, 6)),
            y=constant(HEIGHT / 2 + rng.uniform(-4, 4)),
            radius=constant(rng.uniform(7.5, 9.5)),
            angle=constant(rng.uniform(-0.15, 0.15)),
            aspect=constant(1.0),
            opacity=constant(1.0),
            gap=constant(0.0),
        )


def move_sideways(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """Across the picture at constant speed, either way."""
    way = rng.choice([-1, 1])
    return replace(pose, x=WIDTH / 2 + way * rng.uniform(17, 20) * (2 * u - 1))


def bounce(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """Up and down again, twice or so."""
    hops = rng.uniform(1.6, 2.4)
    height = np.abs(np.sin(pi * (hops * u + rng.uniform(0, 1))))
    return replace(pose, y=HEIGHT - 8 - rng.uniform(28, 32) * height)


def grow(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """From small to large."""
    return replace(pose, radius=3 + (rng.uniform(19, 22) - 3) * u)


def spin(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """Turning about its centre, either way."""
    way = rng.choice([-1, 1])
    return replace(pose, angle=rng.uniform(0, 2 * pi) + way * 2 * pi * rng.uniform(0.9, 1.4) * u)


def blink(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """There and gone, three times or so."""
    cycles = rng.uniform(2.6, 3.6)
    return replace(pose, opacity=((cycles * u + rng.uniform(0, 1)) % 1 < 0.5).astype(np.float32))


def circle(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """Once or more around the middle of the picture, either way."""
    way = rng.choice([-1, 1])
    turn = rng.uniform(0, 2 * pi) + way * 2 * pi * rng.uniform(0.9, 1.3) * u
    return replace(
        pose,
        x=WIDTH / 2 + 15 * np.cos(turn),
        y=HEIGHT / 2 + 14 * np.sin(turn),
        radius=pose.radius * 0.75,
    )


def split(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """One becomes two that part."""
    return replace(pose, gap=rng.uniform(22, 26) * np.clip(1.3 * u - 0.15, 0, 1))


def stretch(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """Wider and flatter, and back."""
    wide = np.sin(pi * (rng.uniform(0.9, 1.3) * u)) ** 2
    return replace(pose, aspect=1 + rng.uniform(2.6, 3.4) * wide)


def go_right(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """From the left edge to the right edge."""
    return replace(pose, x=WIDTH / 2 + rng.uniform(19, 21) * (2 * u - 1))


def go_down(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """From the top to the bottom."""
    return replace(pose, y=HEIGHT / 2 + rng.uniform(17, 19) * (2 * u - 1))


def brighten(pose: Pose, u: Array, rng: np.random.Generator) -> Pose:
    """From nothing to full colour."""
    return replace(pose, opacity=np.clip(rng.uniform(1.0, 1.2) * u, 0, 1))


ACTIONS = {
    "moving sideways": move_sideways,
    "bouncing": bounce,
    "growing": grow,
    "spinning": spin,
    "blinking": blink,
    "circling": circle,
    "splitting": split,
    "stretching": stretch,
    "going right": go_right,
    "going down": go_down,
    "brightening": brighten,
}


def _radial(sides: int, depth: float, angle: Array, distance: Array) -> Array:
    """Signed distance-like field of a star polygon with ``sides`` tips at unit radius."""
    half = pi / sides
    folded = np.abs((angle + pi / 2) % (2 * half) - half) / half
    edge = depth / (depth + (1 - depth) * folded) if depth < 1 else 1.0
    return distance - edge


def _inside(shape: str, x: Array, y: Array) -> Array:
    """Field that is negative inside the shape of about unit radius; slope near 1 at the edge."""
    distance = np.hypot(x, y)
    if shape == "circle":
        return distance - 0.9
    if shape == "ring":
        return np.abs(distance - 0.75) - 0.22
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.8
    if shape == "triangle":
        return np.maximum(np.abs(x) * 0.866 + y * -0.5, y) - 0.5
    if shape == "star":
        return _radial(5, 0.42, np.arctan2(y, x), distance)
    if shape == "cross":
        arm = np.minimum(
            np.maximum(np.abs(x), 3.2 * np.abs(y)), np.maximum(np.abs(y), 3.2 * np.abs(x))
        )
        return (arm - 1.0) / 2
    if shape == "moon":
        return np.maximum(distance - 0.95, 0.8 - np.hypot(x - 0.5, y))
    if shape == "bar":
        return np.maximum(np.abs(x) - 1.15, np.abs(y) - 0.36)
    raise ValueError(f"no such shape: {shape}")


def coverage(shape: str, pose: Pose) -> Array:
    """Share of each pixel that the shape covers, [N,HEIGHT,WIDTH], at each of N instants."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) + np.float32(0.5)

    def at(value: Array) -> Array:
        return np.asarray(value, dtype=np.float32).reshape(-1, 1, 1)

    cos, sin, radius = np.cos(at(pose.angle)), np.sin(at(pose.angle)), at(pose.radius)
    squeeze = np.sqrt(at(pose.aspect))
    offsets = (0.0,) if not pose.gap.any() else (-0.5, 0.5)
    total: Array = np.zeros((len(pose.x), HEIGHT, WIDTH), dtype=np.float32)
    for offset in offsets:
        dx = (columns - at(pose.x) - offset * at(pose.gap)) / squeeze
        dy = (rows - at(pose.y)) * squeeze
        field = _inside(shape, (cos * dx + sin * dy) / radius, (cos * dy - sin * dx) / radius)
        total = np.maximum(total, np.clip(0.5 - field * radius, 0, 1))
    return total * at(pose.opacity)


def ground(rng: np.random.Generator) -> Array:
    """A dull textured background, [HEIGHT,WIDTH,3] in 0..255."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    tone = rng.uniform(70, 140) + rng.uniform(-14, 14, size=3)
    slant = np.cos(turn := rng.uniform(0, pi)) * columns + np.sin(turn) * rows
    texture = int(rng.integers(4))
    if texture == 0:
        pattern = np.sin(2 * pi * slant / rng.uniform(6, 16))
    elif texture == 1:
        size = int(rng.integers(5, 12))
        pattern = ((rows // size + columns // size) % 2) * 2.0 - 1
    elif texture == 2:
        pattern = (slant - slant.mean()) / 20
    else:
        coarse = rng.normal(size=(HEIGHT // 8, WIDTH // 8))
        pattern = np.kron(coarse, np.ones((8, 8))) * 0.7
    return tone + (rng.uniform(6, 16) * pattern)[:, :, None]


def paint(look: Look, covered: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames uint8 RGB [n,HEIGHT,WIDTH,3] of a look that covers [n,HEIGHT,WIDTH] of the pixels."""
    colour = (np.asarray(COLOURS[look.colour]) + rng.normal(0, 10, size=3)).astype(np.float32)
    back = ground(rng).astype(np.float32)
    frames = back + covered[..., None] * (colour - back)
    frames = frames + GRAIN * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def perform(look: Look, action: str, frames: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A clip of one look doing one action, uint8 RGB [frames,HEIGHT,WIDTH,3].

    Args:
        look: What acts.
        action: A key of ``ACTIONS``.
        frames: Number of frames.
        rng: Decides place, size, speed, direction (where the action leaves it open) and ground.
    """
    instants = frames * EXPOSURES
    u = ((np.arange(instants) + 0.5) / instants).astype(np.float32)
    pose = ACTIONS[action](Pose.still(instants, rng), u, rng)
    covered = coverage(look.shape, pose).reshape(frames, EXPOSURES, HEIGHT, WIDTH).mean(axis=1)
    return paint(look, covered, rng)
