"""How the number of annotated clips compares with the versions that are in circulation."""

from __future__ import annotations

from types import MappingProxyType

from bench.data.datasets import CATALOGUE
from bench.data.datasets.base import OfficialCount

OTHER_VERSIONS: MappingProxyType[int, str] = MappingProxyType(
    {
        50: "UCF-50",
        51: "HMDB-51",
        101: "UCF-101",
        174: "Something-Something",
        400: "Kinetics-400",
        600: "Kinetics-600",
        700: "Kinetics-700",
    }
)
"""What annotations with another number of classes may be."""


def nearest_count(dataset: str, split: str, clips: int) -> OfficialCount | None:
    """The official count of a split that a number of clips comes nearest.

    Returns:
        None if none is known; the first one if there is not a single clip.
    """
    known = CATALOGUE[dataset].official.get(split, ()) if dataset in CATALOGUE else ()
    return min(known, key=lambda count: clips and abs(count.clips - clips), default=None)
