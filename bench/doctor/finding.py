"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        area: What it belongs to, for example ``libraries``.
        name: What was looked at.
        status: ``broken``: the configuration cannot be run as it is; ``warning``: it can, but
            something will be slower, missing or different.
        detail: What is there.
        mend: The command or edit that mends it; empty where nothing is to mend.
    """

    area: str
    name: str
    status: Status
    detail: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def carried_out(area: str, name: str, check: Check) -> Iterator[Finding]:
    """The findings of a check; one that fails in an unforeseen way is a finding too.

    Args:
        area: What it belongs to.
        name: What it looks at.
        check: Looks.
    """
    try:
        yield from check()
    except Exception as error:  # of any library, on any machine: exactly what is to be reported
        first = (str(error).strip().splitlines() or [""])[0]
        yield Finding(
            area,
            name,
            "broken",
            f"{type(error).__name__}: {first}",
            "BENCH_DEBUG=1 bench doctor shows where",
        )
