"""Words in messages."""

from __future__ import annotations


def plural(count: int, noun: str, many: str = "") -> str:
    """A count with its noun.

    Args:
        count: How many.
        noun: The singular.
        many: The plural where it is not regular.

    Example:
        >>> plural(1, "clip"), plural(2, "class"), plural(1200, "video lies", "videos lie")
        ('1 clip', '2 classes', '1,200 videos lie')
    """
    regular = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many or regular}"
