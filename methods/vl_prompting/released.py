"""What ViFi-CLIP's authors released of VL prompting, read into the adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.base import KeyReport
from methods.checkpoints.released import load_checked, released_tensors
from methods.vifi.released import CLASS_BUFFERS

if TYPE_CHECKING:
    from methods.vl_prompting.adapter import VlPrompting


def load(method: VlPrompting, source: Path | Mapping[str, Any], *, prompts: str) -> KeyReport:
    """See ``VlPrompting.load_released``.

    Args:
        method: What is filled.
        source: The file, or what it holds.
        prompts: Regular expression of the names of prompts.
    """
    tensors, name = released_tensors(source)
    bridge = not any(re.fullmatch(prompts, key) for key in tensors)
    may_miss = (prompts,) if bridge else ()
    return load_checked(method, tensors, source=name, ignore=CLASS_BUFFERS, may_miss=may_miss)
