"""All checks in the order in which a broken one explains the next."""

from __future__ import annotations

from collections.abc import Iterator

from bench.doctor.finding import Check, Finding, carried_out
from bench.planning.config import RunConfig


def examine(config: RunConfig) -> Iterator[Finding]:
    """Look at the machine, the libraries, and what a configuration needs; changes nothing.

    Args:
        config: What is to be run here.
    """
    from bench.doctor import libraries, machine

    yield from carried_out(machine.AREA, "cores", lambda: machine.processors(config))
    yield from carried_out(machine.AREA, "memory", machine.memory)
    yield from carried_out(machine.AREA, "/dev/shm", machine.shared_memory)
    yield from carried_out(machine.AREA, "disks", lambda: machine.disks(config))
    yield from carried_out(machine.AREA, "GPUs", machine.gpus)
    yield from carried_out(machine.AREA, "clusters", machine.clusters)
    yield from carried_out(libraries.AREA, "versions", libraries.versions)
    imported = list(carried_out(libraries.AREA, "imports", libraries.imports))
    yield from imported
    if any(finding.status == "broken" for finding in imported):
        detail = "not looked at: a library cannot be imported"
        yield Finding("further checks", "all", "broken", detail, "mend the libraries first")
        return
    yield from carried_out(libraries.AREA, "torch and CUDA", libraries.cuda)
    for area, name, check in _deep(config):
        yield from carried_out(area, name, check)


def _deep(config: RunConfig) -> Iterator[tuple[str, str, Check]]:
    """Checks that need the libraries."""
    from bench.doctor import configured, decoding, golden

    yield decoding.AREA, "codecs", lambda: decoding.codecs(config)
    yield configured.WEIGHTS, "weights", lambda: configured.weights(config)
    yield configured.DATA, "data", lambda: configured.data(config)
    yield golden.AREA, golden.CASE, golden.replay
