"""Laws of the job graph: order, what must run, what comes first. Keys only, no files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

Parents = Mapping[str, tuple[str, ...]]


def ordered(parents: Parents) -> list[str]:
    """Every job after all its parents.

    Raises:
        graphlib.CycleError: A job is its own ancestor.
    """
    return list(TopologicalSorter(parents).static_order())


def to_run(targets: Iterable[str], parents: Parents, done: Collection[str]) -> set[str]:
    """The targets that are not done and, of their ancestors, those whose result is missing.

    An ancestor of finished targets only is left alone: nothing needs its result any more.
    """
    found: set[str] = set()
    waiting = [key for key in targets if key not in done]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [parent for parent in parents[key] if parent not in done]
    return found


def children(parents: Parents) -> dict[str, tuple[str, ...]]:
    """The graph turned round."""
    found: dict[str, list[str]] = {key: [] for key in parents}
    for key, above in parents.items():
        for parent in above:
            found[parent].append(key)
    return {key: tuple(below) for key, below in found.items()}


def descendants(key: str, below: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Every job that needs ``key``, directly or not; ``below`` comes from ``children``."""
    found: set[str] = set()
    waiting = list(below[key])
    while waiting:
        child = waiting.pop()
        if child not in found:
            found.add(child)
            waiting += below[child]
    return found


def priorities(parents: Parents, work: Mapping[str, float]) -> dict[str, float]:
    """Work on the longest chain from each job to a last one, its own included.

    Starting the job with the most first keeps the end of a run short (Graham 1969,
    longest processing time first, applied to chains).
    """
    below = children(parents)
    found: dict[str, float] = {}
    for key in reversed(ordered(parents)):
        found[key] = work[key] + max((found[child] for child in below[key]), default=0.0)
    return found
