"""How many clips and classes the official versions of the datasets have, each with its source.

Versions of Kinetics differ, because clips disappear from the net: every count that is in
circulation is listed, and ``bench data prepare`` says which one annotations come nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class OfficialCount:
    """A number of annotated clips.

    Attributes:
        clips: How many.
        source: Whose version, and where the number is stated.
    """

    clips: int
    source: str


CLASSES: MappingProxyType[str, int] = MappingProxyType(
    {"kinetics400": 400, "kinetics600": 600, "hmdb51": 51, "ucf101": 101, "ssv2": 174}
)
"""Classes of each dataset; MSR-VTT has captions instead."""

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

_CVDF400 = "CVDF's csv (cvdfoundation/kinetics-dataset, arrange_by_classes.py)"
_SHRUNK400 = "DeepMind's later tarball (open-mmlab/mmaction2#533)"
_CVDF600 = "CVDF's version (docs.voxel51.com, kinetics-600)"
_ORIGINAL600 = "clips still on YouTube (docs.voxel51.com, kinetics-600)"
_MMACTION = "mmaction2's copy (tools/data/kinetics)"
_HMDB = "70 + 30 clips a class in each split (Kuehne et al. 2011)"
_UCF = "UCF101TrainTestSplits-RecognitionTask (Soomro et al. 2012)"
_SSV2 = "Something-Something v2 (Goyal et al. 2017, Qualcomm)"


def _counts(source: str, *clips: int) -> list[tuple[OfficialCount, ...]]:
    return [(OfficialCount(number, source),) for number in clips]


OFFICIAL: MappingProxyType[str, MappingProxyType[str, tuple[OfficialCount, ...]]] = (
    MappingProxyType(
        {
            "kinetics400": MappingProxyType(
                {
                    "train": (
                        OfficialCount(246_534, _CVDF400),
                        OfficialCount(240_436, _MMACTION),
                        OfficialCount(219_561, _SHRUNK400),
                    ),
                    "val": (
                        OfficialCount(19_906, _CVDF400),
                        OfficialCount(19_796, _MMACTION),
                        OfficialCount(18_014, _SHRUNK400),
                    ),
                    "test": (OfficialCount(39_805, _CVDF400),),
                }
            ),
            "kinetics600": MappingProxyType(
                {
                    "train": (
                        OfficialCount(427_549, _CVDF600),
                        OfficialCount(383_393, _MMACTION),
                        OfficialCount(370_582, _ORIGINAL600),
                    ),
                    "val": (
                        OfficialCount(29_793, _CVDF600),
                        OfficialCount(27_910, _MMACTION),
                        OfficialCount(28_313, _ORIGINAL600),
                    ),
                    "test": (
                        OfficialCount(72_924, _CVDF600),
                        OfficialCount(56_618, _ORIGINAL600),
                    ),
                }
            ),
            "hmdb51": MappingProxyType(
                dict(
                    zip(
                        ("train1", "train2", "train3", "val1", "val2", "val3"),
                        _counts(_HMDB, 3570, 3570, 3570, 1530, 1530, 1530),
                        strict=True,
                    )
                )
            ),
            "ucf101": MappingProxyType(
                dict(
                    zip(
                        ("train1", "train2", "train3", "val1", "val2", "val3"),
                        _counts(_UCF, 9537, 9586, 9624, 3783, 3734, 3696),
                        strict=True,
                    )
                )
            ),
            "ssv2": MappingProxyType(
                dict(zip(("train", "val"), _counts(_SSV2, 168_913, 24_777), strict=True))
            ),
            "msrvtt": MappingProxyType(
                {
                    "train": (OfficialCount(9000, "9k training clips (Gabeur et al. 2020)"),),
                    "test": (OfficialCount(1000, "1kA test (JSFusion, Yu et al. 2018)"),),
                }
            ),
        }
    )
)
"""Dataset -> official split -> the counts in circulation. SSv2's test labels are held out."""


A_CLASS: MappingProxyType[str, MappingProxyType[str, int]] = MappingProxyType(
    {
        "hmdb51": MappingProxyType(
            {
                f"{part}{split}": size
                for part, size in (("train", 70), ("val", 30))
                for split in (1, 2, 3)
            }
        )
    }
)
"""Dataset -> official split -> clips of every class, where all classes have as many (HMDB-51)."""


def nearest_count(dataset: str, split: str, clips: int) -> OfficialCount | None:
    """The official count of a split that a number of clips comes nearest.

    Returns:
        None if none is known; the first one if there is not a single clip.
    """
    known = OFFICIAL.get(dataset, MappingProxyType({})).get(split, ())
    return min(known, key=lambda count: clips and abs(count.clips - clips), default=None)
