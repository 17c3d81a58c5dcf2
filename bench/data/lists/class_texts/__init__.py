"""What stands for a class's name, by name of the source, each a module with ``CLASS_TEXTS``."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.lists.class_texts.base import ClassTexts
from bench.ground.errors import DataError, UsageError
from bench.ground.extensions import Extensions, constant, modules_of

AS_THEY_ARE = "raw"


def _checked(value: object) -> ClassTexts:
    if not isinstance(value, ClassTexts):
        raise UsageError(
            f"CLASS_TEXTS is {value!r}, not a bench.data.lists.class_texts.base.ClassTexts"
        )
    return value


EXTENSIONS: Extensions[ClassTexts] = Extensions(
    "class-text source",
    group="bench.class_texts",
    built_in=lambda: modules_of("bench.data.lists.class_texts", "CLASS_TEXTS"),
    check=_checked,
    found_in=constant("CLASS_TEXTS", lambda value: getattr(value, "name", repr(value))),
)


def texts_of(source: str, dataset: str, names: Sequence[str]) -> tuple[str, ...]:
    """The texts that stand for the names of a label file.

    Raises:
        UsageError: There is no such source.
        DataError: It does not give one text for each name, or gives a text twice.
    """
    texts = EXTENSIONS.get(source).texts(dataset, names)
    if len(texts) != len(names) or len(set(texts)) != len(texts) or not all(texts):
        raise DataError(
            f"class-text source '{source}' does not fit {dataset}",
            got=f"{len(texts)} texts for {len(names)} names, {len(set(texts))} of them different",
            allowed="one text for each class, all different",
            next_step=f"fix {EXTENSIONS.origin(source)}, or use class_texts = '{AS_THEY_ARE}'",
        )
    return texts
