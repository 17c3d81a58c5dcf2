"""Where a dataset's named lists come from: the given file, else the rule that makes it.

Nothing is written beside the data; derived lists go below ``<cache>/lists/<dataset>/`` with a
sidecar that says how they were made. Their names carry a hash of what they were made from, so a
list never changes under a run that uses it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.datasets.base import DatasetSpec
from bench.data.lists.class_names import class_table, names_sha256, read_class_names
from bench.data.lists.class_texts import texts_of
from bench.data.lists.clip_lists import check_fit, list_text, read_list
from bench.data.lists.clips_ref import ClipsRef
from bench.data.lists.derive import (
    VERSION,
    ListRule,
    base_and_novel,
    class_rule,
    derive_list,
    list_seed,
    rule_for,
    zero_shot_classes,
)
from bench.data.lists.expected_counts import expected_classes, expected_clips
from bench.data.lists.label_choice import LabelChoice, described, official_names
from bench.data.lists.name_conflicts import audit_list
from bench.data.official.manifest import Manifest, read_manifest
from bench.data.official.manifest_cache import OfficialData, cached_manifest
from bench.data.video.storage import variant_of
from bench.ground.errors import DataError
from bench.ground.files import write_whole

if TYPE_CHECKING:
    from bench.data.lists.dataset_config import DatasetConfig

SourceClasses = Sequence[str] | Callable[[], Sequence[str]]


class MissingDataError(DataError):
    """Something is not there yet, as opposed to being there and wrong."""


class DatasetSource:
    """The named clip lists and class lists of one dataset.

    Args:
        spec: The dataset.
        config: Where its parts lie.
        cache: Folder that derived lists are written to.
        source_classes: Names of the source set's classes, or a function that gives them when a
            zero-shot draw needs them.
        labels: Given label files as they are, or put right by the official annotations; what the
            dataset's own configuration says wins.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        config: DatasetConfig,
        cache: Path,
        source_classes: SourceClasses | None = None,
        labels: LabelChoice = "paper",
    ) -> None:
        self.spec = spec
        self.config = config
        self.cache = cache
        self._source_classes = source_classes
        self._labels: LabelChoice = labels
        self._refs: dict[tuple[str, str], ClipsRef] = {}
        self._class_files: dict[str, tuple[Path, tuple[str, ...]]] = {}

    def clips(self, clip_list: str, classes: str = "all", *, required: bool = False) -> ClipsRef:
        """The reference to a clip list joined with a class list.

        Args:
            clip_list: For example ``val1``, ``few_shot_16``, ``base_train_s1``.
            classes: The class list of its labels.
            required: Raise when something is missing. Otherwise the reference then has no
                hashes, and the counts that the protocol says.

        Raises:
            MissingDataError: Something is not there and ``required`` is set.
            DataError: What is there is wrong or does not fit together.
            UsageError: There is no list of this name.
        """
        wanted = (clip_list, classes)
        if wanted not in self._refs:
            try:
                self._refs[wanted] = self._resolve(clip_list, classes)
            except MissingDataError:
                if required:
                    raise
                return self._absent(clip_list, classes)
        return self._refs[wanted]

    def class_names(self, classes: str = "all") -> tuple[str, ...]:
        """The names of a class list.

        Raises:
            MissingDataError: Neither the file nor the data to derive it from are there.
            DataError: What is there is wrong.
        """
        return self._class_list(classes)[1]

    @cached_property
    def root(self) -> Path | None:
        """Folder of the videos; None when the configuration names none."""
        if self.config.generate is not None:
            return self._generated / "videos"
        return None if self.config.root is None else _path(self.config.root)

    @cached_property
    def manifest(self) -> Manifest:
        """The dataset's manifest, built from the official annotations where none is given.

        Raises:
            MissingDataError: Neither it nor what it is built from is there.
            DataError: What is there is wrong.
        """
        if self.config.manifest is not None:
            path = _path(self.config.manifest)
            if not path.is_file():
                raise self._missing(f"the manifest of {self.spec.name} is missing", path)
            return read_manifest(path, self.spec.name)
        return cached_manifest(self._official(), self.cache)

    @cached_property
    def _generated(self) -> Path:
        if self.config.generate != "mini":
            raise DataError(
                f"nothing generates '{self.config.generate}'",
                allowed="generate = 'mini'",
                next_step=f"mend 'generate' of {self.spec.name} in the configuration",
            )
        # Needs numpy and PyAV, which plans of real data do not.
        from bench.data.mini_world.generate import ensure

        return ensure(self.cache) / self.spec.name

    def _official(self) -> OfficialData:
        if self.config.format is None:
            raise self._missing(
                f"the format of the annotations of {self.spec.name} is not known", None
            )
        if self.config.generate is not None:
            annotations: Path | None = self._generated / "annotations"
        else:
            given = self.config.annotations
            annotations = None if given is None else _path(given)
            if self.config.format == "folders" and given is None:
                annotations = self.root
        for what, folder in (("annotations", annotations), ("videos", self.root)):
            if what == "annotations" and self.config.format == "folders":
                continue  # the folders' names are the annotations
            table = what == "annotations" and self.config.format == "csv"
            if folder is None or not (folder.is_dir() or (table and folder.is_file())):
                raise self._missing(f"the {what} of {self.spec.name} are missing", folder)
        assert annotations is not None and self.root is not None
        return OfficialData(self.spec.name, self.root, annotations, self.config.format)

    def _missing(self, what: str, looked: Path | None) -> MissingDataError:
        name = self.spec.name
        return MissingDataError(
            what,
            got=f"no {looked}" if looked is not None else "the configuration names none",
            next_step=f"bench data prepare {name} --videos <folder> --annotations <folder>"
            if self.config.title is None
            else f"mend 'root' and 'annotations' of {name} in the configuration",
        )

    def _resolve(self, clip_list: str, classes: str) -> ClipsRef:
        class_file, names = self._class_list(classes)
        list_file = self._clip_list(clip_list, classes, names)
        entries = read_list(list_file)
        check_fit(entries, names, classes=classes, dataset=self.spec.name)
        given = clip_list in self.config.lists and classes in self.config.labels
        if given and self._choice == "official":
            right = official_names(names, entries, self.manifest)
            if right != names:
                class_file, names = self._names_file(classes, right), right
        if clip_list in self.config.lists and classes not in self.config.labels:
            self._check_names(clip_list, classes, list_file, names)
        # Lists are joined by the classes' names; what methods read comes last.
        texts = texts_of(self.config.class_texts, self.spec.name, names)
        if texts != names:
            class_file, names = self._names_file(classes, texts), texts
        return ClipsRef(
            dataset=self.spec.name,
            root="" if self.root is None else str(self.root.absolute()),
            clip_list=clip_list,
            list_file=str(list_file.absolute()),
            list_sha256=entries.sha256,
            classes=classes,
            class_file=str(class_file.absolute()),
            classes_sha256=names_sha256(names),
            listed=len(entries.entries),
            num_classes=len(names),
            synthetic=self.spec.synthetic,
            labels=described(
                self._choice if classes in self.config.labels else "official",
                self.config.class_texts,
            ),
            videos="" if self.root is None else variant_of(self.root),
            list_origin=origin(self.config.lists.get(clip_list), clip_list),
            classes_origin=origin(self.config.labels.get(classes), classes, classes=True),
        )

    @property
    def _choice(self) -> LabelChoice:
        return self.config.class_names or self._labels

    def _absent(self, clip_list: str, classes: str) -> ClipsRef:
        """What can be said of a clip set before its data are there."""
        given_list = self.config.lists.get(clip_list)
        given_classes = self.config.labels.get(classes)
        return ClipsRef(
            dataset=self.spec.name,
            root="" if self.root is None else str(self.root.absolute()),
            clip_list=clip_list,
            list_file="" if given_list is None else str(_path(given_list).absolute()),
            list_sha256=None,
            classes=classes,
            class_file="" if given_classes is None else str(_path(given_classes).absolute()),
            classes_sha256=None,
            listed=expected_clips(self.spec.name, clip_list, classes),
            num_classes=expected_classes(self.spec.name, classes),
            synthetic=self.spec.synthetic,
            labels=described(self._choice, self.config.class_texts),
        )

    def _class_list(self, classes: str) -> tuple[Path, tuple[str, ...]]:
        if classes not in self._class_files:
            given = self.config.labels.get(classes)
            if given is None:
                names = self._derived_names(classes)
                file = self._names_file(classes, names)
            else:
                file = _path(given)
                if not file.is_file():
                    raise self._missing_given(f"class list '{classes}'", "labels", classes, file)
                names = read_class_names(file)
            self._class_files[classes] = (file, names)
        return self._class_files[classes]

    def _names_file(self, classes: str, names: Sequence[str]) -> Path:
        """A file of our own with class names; its name says what is in it."""
        file = self._lists_folder / f"classes-{classes}.{names_sha256(names)[:8]}.csv"
        _write_once(file, class_table(names))
        return file

    def _missing_given(self, what: str, table: str, key: str, file: Path) -> MissingDataError:
        return MissingDataError(
            f"the {what} of {self.spec.name} is missing",
            got=f"no {file.absolute()}",
            next_step="put the file there; or, where the real ones lie elsewhere or nowhere: "
            f"bench data prepare {self.spec.name} --videos <folder> --annotations <folder> "
            f"[--released <folder>]; or take '{key}' out of '{table}' of {self.spec.name} in a "
            "configuration of your own: it is then made from the official annotations",
        )

    def _derived_names(self, classes: str) -> tuple[str, ...]:
        if classes == "all":
            return self.manifest.class_names
        if classes in {"base", "novel"}:
            return base_and_novel(self.manifest)[classes == "novel"]
        if not classes.startswith("zero_shot_") or rule_for(classes).classes != classes:
            raise DataError(
                f"no rule makes the class list '{classes}' of {self.spec.name}",
                allowed="all, base, novel, zero_shot_<n>",
                next_step=f"name its file in 'labels' of {self.spec.name} in the configuration",
            )
        if self._source_classes is None:
            raise DataError(
                f"{classes} of {self.spec.name} needs the classes of the source set",
                got="no source set",
                next_step=f"name it in 'source' of {self.spec.name} in the configuration",
            )
        known = self._source_classes() if callable(self._source_classes) else self._source_classes
        return zero_shot_classes(self.spec.name, self.class_names("all"), known, classes)

    def _clip_list(self, clip_list: str, classes: str, names: Sequence[str]) -> Path:
        given = self.config.lists.get(clip_list)
        if given is not None:
            path = _path(given)
            if not path.is_file():
                raise self._missing_given(f"clip list '{clip_list}'", "lists", clip_list, path)
            return path
        rule = rule_for(clip_list)
        if rule.classes != classes:
            raise DataError(
                f"the list '{clip_list}' of {self.spec.name} is labelled with "
                f"class list '{rule.classes}'",
                got=classes,
                allowed=rule.classes,
            )
        return self._derived_list(rule, names)

    def _derived_list(self, rule: ListRule, names: Sequence[str]) -> Path:
        made_from = {
            "rules": VERSION,
            "rule": rule.text,
            "seed": None if rule.shots is None else list_seed(self.spec.name, rule.name),
            "manifest_sha256": self.manifest.sha256,
            "classes_sha256": names_sha256(names),
        }
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:8]
        path = self._lists_folder / f"{rule.name}.{digest}.txt"
        sidecar = path.with_suffix(".json")
        if _is_whole(path, sidecar):
            return path
        entries = derive_list(self.manifest, rule, names)
        content = list_text(entries)
        write_whole(path, content)
        description = {
            "made_by": "clip-video-bench",
            "dataset": self.spec.name,
            "list": rule.name,
            **made_from,
            "clips": len(entries),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_whole(sidecar, json.dumps(description, indent=2).encode())
        return path

    def _check_names(
        self, clip_list: str, classes: str, list_file: Path, names: Sequence[str]
    ) -> None:
        """A given list with derived class names: its labels may follow another order."""
        audit = audit_list(self.manifest, read_list(list_file), names)
        if audit.conflicts:
            worst = audit.conflicts[0]
            raise DataError(
                f"class list '{classes}' of {self.spec.name}, made by rule, does not fit the given "
                f"list '{clip_list}': {audit.conflicting} of {audit.listed} clips would get "
                "another class's name",
                got=f"label {worst.label} is '{worst.listed}', {worst.clips} of its clips are "
                f"'{worst.official}'",
                next_step=f"name the class list that belongs to '{clip_list}' in 'labels' of "
                f"{self.spec.name} in the configuration",
            )

    @property
    def _lists_folder(self) -> Path:
        return self.cache / "lists" / self.spec.name


def origin(given: str | None, name: str, *, classes: bool = False) -> str:
    """Where a clip list or a class list is from, in words, as records keep it.

    Args:
        given: The file that the configuration names, if it names one.
        name: The list.
        classes: It is a class list.

    Returns:
        ``given: FILE``, or ``made by rule N: …`` for a list of ours.
    """
    if given is not None:
        return f"given: {Path(given).name}"
    return f"made by rule {VERSION}: " + (class_rule(name) if classes else rule_for(name).text)


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _write_once(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, content)


def _is_whole(path: Path, sidecar: Path) -> bool:
    try:
        recorded = json.loads(sidecar.read_bytes())["sha256"]
        return bool(hashlib.sha256(path.read_bytes()).hexdigest() == recorded)
    except (OSError, ValueError, KeyError):
        return False  # not there, or damaged: it is written anew
