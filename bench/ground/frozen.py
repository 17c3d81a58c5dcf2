"""The base model of configurations, jobs and lists: frozen, and strict about names."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that never changes; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
