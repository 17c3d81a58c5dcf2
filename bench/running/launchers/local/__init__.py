"""The local launcher: one process per job on this machine."""

from __future__ import annotations

from bench.running.launchers.base import LauncherDefinition
from bench.running.launchers.local.launcher import LocalOptions, create

LAUNCHER = LauncherDefinition(
    name="local",
    summary="one process per job on the GPUs or cores of this machine",
    create=create,
    options=LocalOptions,
)
