"""Which name a label stands for: as a label file says, or as its clips are called officially.

A released label file may disagree with the released lists: HMDB-51's has four names swapped. With
``labels = 'paper'`` a file is used as it is, which is what the published numbers were made with.
With ``labels = 'official'`` each label of a given list gets the name of the class that its clips
have in the official annotations, in the spelling of the label file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from bench.data.lists.class_names import name_key
from bench.data.lists.class_texts import AS_THEY_ARE
from bench.ground.errors import DataError

if TYPE_CHECKING:
    from bench.data.lists.clip_lists import ClipList
    from bench.data.official.manifest import Manifest

LabelChoice = Literal["paper", "official"]


def official_names(
    names: Sequence[str], clip_list: ClipList, manifest: Manifest
) -> tuple[str, ...]:
    """The names of a class list, put in the order that the clips of a list are labelled in.

    Args:
        names: The class list that belongs to the list.
        clip_list: Its labels are below ``len(names)``, and each occurs (see ``check_fit``).
        manifest: The dataset's clips with their official classes.

    Returns:
        For each label the class of most of its clips, spelled as in ``names`` where that has it.

    Raises:
        DataError: No clip of a label is in the manifest, or two labels are one class.
    """
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for entry in clip_list.entries:
        name = manifest.class_of(entry.path)
        if name is not None:
            found[entry.label][name] += 1
    unknown = [label for label in range(len(names)) if label not in found]
    if unknown:
        raise DataError(
            f"labels = 'official' needs to know what the clips of {clip_list.name} are",
            got=f"no clip of label {unknown[0]} ('{names[unknown[0]]}') is in the official "
            f"annotations of {manifest.dataset}; {len(unknown)} of {len(names)} labels like this",
            next_step=f"check 'annotations' of {manifest.dataset}, or use labels = 'paper'",
        )
    spelled = {name_key(name): name for name in names}
    chosen = [found[label].most_common(1)[0][0] for label in range(len(names))]
    _refuse_repeated(chosen, clip_list)
    return tuple(spelled.get(name_key(name), name) for name in chosen)


def _refuse_repeated(chosen: Sequence[str], clip_list: ClipList) -> None:
    first: dict[str, int] = {}
    for label, name in enumerate(chosen):
        if first.setdefault(name, label) != label:
            raise DataError(
                f"two labels of {clip_list.name} are one class of the official annotations",
                got=f"labels {first[name]} and {label} are both '{name}'",
                allowed="one class for each label",
                next_step="fix the list, or use labels = 'paper'",
            )


def described(choice: LabelChoice, class_texts: str) -> str:
    """``paper``, ``official``, or either with the texts' source: ``paper, spaced``."""
    return choice if class_texts == AS_THEY_ARE else f"{choice}, {class_texts}"
