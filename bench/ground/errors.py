"""Errors a user can mend: what was got, what is allowed, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class BenchError(Exception):
    """A user's mistake or a missing thing; printed without a traceback.

    Args:
        what: One sentence that says what is wrong.
        got: The offending value, as the user would recognise it.
        allowed: What would have been accepted.
        next_step: The command or edit that mends it.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        got: object | None = None,
        allowed: object | None = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.got = got
        self.allowed = allowed
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.got is not None:
            lines.append(f"  got:     {self.got}")
        if self.allowed is not None:
            lines.append(f"  allowed: {self.allowed}")
        if self.next_step is not None:
            lines.append(f"  next:    {self.next_step}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.got, self.allowed, self.next_step))


def _rebuild(
    cls: type[BenchError], what: str, got: object, allowed: object, next_step: str | None
) -> BenchError:
    return cls(what, got=got, allowed=allowed, next_step=next_step)


class UsageError(BenchError):
    """The command line or the configuration is wrong; nothing was run."""

    exit_code = 2


class ConfigError(UsageError):
    """All errors of a configuration, reported together.

    Args:
        errors: One message an error, each naming the key it is about.
        source: The configuration file.
    """

    def __init__(self, errors: Sequence[str], *, source: str = "configuration") -> None:
        self.errors = tuple(errors)
        self.source = source
        count = len(self.errors)
        noun = "error" if count == 1 else "errors"
        listing = "\n".join(f"  {i}. {message}" for i, message in enumerate(self.errors, 1))
        super().__init__(f"{count} {noun} in {source}; nothing was run:\n{listing}")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_config_error, (self.errors, self.source))


def _rebuild_config_error(errors: Sequence[str], source: str) -> ConfigError:
    return ConfigError(errors, source=source)


class DataError(BenchError):
    """Videos, lists or labels are missing or do not fit together."""


class WeightsError(BenchError):
    """Weights are missing or do not fit the model."""


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name closest to ``name``, or None when none is close."""
    matches = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest one that does."""
    names = sorted(allowed)
    guess = nearest(name, names)
    return UsageError(
        f"unknown {kind} '{name}'" + (f"; did you mean '{guess}'?" if guess else ""),
        allowed=", ".join(names) if names else "(none)",
    )
