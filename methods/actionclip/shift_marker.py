"""The temporal shift in the tensor names of released files: ``resblocks.N.net.``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BLOCK = re.compile(r"^((?:clip\.)?visual\.transformer\.resblocks\.\d+\.)")
_SHIFTED_BLOCK = re.compile(r"(?:clip\.)?visual\.transformer\.resblocks\.\d+\.net\.")


def shifted_name(name: str) -> str:
    """The original's name of a tensor when the blocks of the image tower are shifted."""
    return _BLOCK.sub(r"\1net.", name, count=1)


def is_shifted(names: Iterable[str]) -> bool:
    """Whether a released file was made with the temporal shift; its names tell."""
    return any(_SHIFTED_BLOCK.match(name) for name in names)
