"""``runs/parity.json``: how near the adapters came to their authors' code, when last compared.

``bench parity`` writes it, the leaderboards of the runs beside it show it. A badge is a note about
the machine's last comparison, no part of any number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.ground.files import write_atomically
from bench.ground.words import plural

NAME = "parity.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodBadge(_Frozen):
    """One adapter's comparison.

    ``largest`` is over scores, features and losses; gradients are compared relative to their size.
    """

    cases: int
    comparisons: int
    missed: int
    largest: float | None = Field(description="largest absolute difference; None: none was taken")
    date: str = Field(description="UTC, ISO 8601")
    versions: dict[str, str]
    code_sha256: str = Field(description="of the adapter's code then")

    def __str__(self) -> str:
        cases = plural(self.cases, "case")
        if self.missed:
            verdict = f"{self.missed} of {self.comparisons} comparisons missed"
        else:
            verdict = f"{self.comparisons} comparisons passed"
        largest = "" if self.largest is None else f", largest |Δ| {self.largest:.1e}"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{cases}, {verdict}{largest} ({self.date[:10]}, {versions})"


class ParityBadge(_Frozen):
    """What is known of all adapters; each has the date of its own comparison."""

    schema_version: Literal[1] = 1
    methods: dict[str, MethodBadge]


def load_badge(path: Path) -> ParityBadge | None:
    """The badge file, or None where there is none that can be read."""
    try:
        return ParityBadge.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_badge(path: Path, methods: dict[str, MethodBadge]) -> ParityBadge:
    """Write the badge; adapters that were not compared this time keep theirs.

    Raises:
        OSError: The file cannot be written.
    """
    before = load_badge(path)
    known = {} if before is None else before.methods
    badge = ParityBadge(methods={**known, **methods})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, badge.model_dump_json(indent=1))
    return badge
