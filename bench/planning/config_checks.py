"""What a configuration names must exist: adapters, settings, datasets, rows, recipe values."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import settings as settings_room
from bench.data.datasets import CATALOGUE
from bench.data.lists.class_texts import EXTENSIONS as CLASS_TEXTS
from bench.ground.errors import ConfigError, nearest
from bench.ground.extensions import load_plugins
from bench.planning.recipe import Recipe
from settings.base import Setting

if TYPE_CHECKING:
    from bench.planning.config import MethodConfig, RunConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def unknown_names(where: str, kind: str, names: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """A line for each name that is not allowed, with the nearest one that is."""
    errors = []
    for name in names:
        if name not in allowed:
            guess = nearest(name, allowed)
            hint = f"; did you mean '{guess}'?" if guess else ""
            errors.append(f"{where}: unknown {kind} '{name}'{hint}")
    return errors


def cross_check(config: RunConfig) -> list[str]:
    """Every name of a configuration that does not exist, and every cell without a valid recipe.

    Returns:
        One line an error; none where all is well.
    """
    import methods as methods_room

    for broken in load_plugins([Path(plugin) for plugin in config.plugins]):
        _tell(f"bench: {broken}")
    rows = list(config.methods)
    errors = _name_errors(config) + _backbone_errors(config) + _dataset_errors(config)
    for row, method in config.methods.items():
        where = f"methods.{row}"
        errors += unknown_names(
            f"{where}.adapter", "adapter", [method.adapter], methods_room.names()
        )
        errors += unknown_names(f"{where}.starts_from", "row", _some(method.starts_from), rows)
        errors += unknown_names(f"{where}.recipe_of", "row", _some(method.recipe_of), rows)
        starts = ("released", "starts_from_released", "starts_from")
        given = [name for name in starts if getattr(method, name) is not None]
        if len(given) > 1:
            errors.append(f"{where}: {' and '.join(given)} contradict each other; keep one")
        known = list(settings_room.names())
        errors += unknown_names(f"{where}.settings", "setting", method.settings, known)
        errors += unknown_names(
            f"{where}.setting_options", "setting", list(method.setting_options), known
        )
        errors += _option_errors(where, method)
    errors += _setting_errors(config)
    for name, rule in config.recipes.items():
        where = f"recipes.{name}"
        errors += unknown_names(
            f"{where}.settings", "setting", rule.settings, settings_room.names()
        )
        errors += unknown_names(f"{where}.methods", "row", rule.methods, rows)
        errors += unknown_names(
            f"{where}.datasets", "dataset", rule.datasets, list(config.catalogue)
        )
        known = [field for field in Recipe.model_fields if field != "sources"]
        errors += unknown_names(f"{where}.values", "value", list(rule.values), known)
    return errors or _recipe_errors(config)


@cache
def _tell(text: str) -> None:
    """Say something that is no error, once."""
    print(text, file=sys.stderr)


def _name_errors(config: RunConfig) -> list[str]:
    """The name is that of the run folder, so it may be no path."""
    if _NAME.fullmatch(config.name):
        return []
    return [f"name: '{config.name}' is no name; letters, digits, '-', '_' and '.' are"]


def _backbone_errors(config: RunConfig) -> list[str]:
    """A model that open_clip does not know; its list is read without the slow import."""
    model = config.backbone.model
    package = find_spec("open_clip")
    if model.endswith(".json") or package is None or package.origin is None:
        return []
    known = [file.stem for file in (Path(package.origin).parent / "model_configs").glob("*.json")]
    return unknown_names("backbone.model", "CLIP model", [model], known)


def _setting_errors(config: RunConfig) -> list[str]:
    rows, datasets = list(config.methods), list(config.datasets)
    errors: list[str] = []
    for name, setting in config.settings.items():
        where = f"settings.{name}"
        missing = unknown_names("settings", "setting", [name], settings_room.names())
        errors += missing
        errors += unknown_names(f"{where}.datasets", "dataset", setting.datasets, datasets)
        errors += unknown_names(f"{where}.methods", "row", setting.methods or (), rows)
        if not missing:
            known = list(settings_room.get(name).options)
            errors += unknown_names(f"{where}.options", "option", list(setting.options), known)
            formless = _formless(f"{where}.options", settings_room.get(name), setting.options)
            errors += formless
            source = config.setting_options(name).get("source")
            if not formless:
                where = f"{where}.options.source"
                errors += unknown_names(where, "dataset", _some(source), datasets)
    return errors


def _formless(where: str, setting: Setting, options: Mapping[str, object]) -> list[str]:
    """Options of a setting whose values are of the wrong kind."""
    wanted = {option: setting.wanted_form(option, value) for option, value in options.items()}
    return [
        f"{where}.{option}: got {options[option]!r}, allowed: {form}"
        for option, form in wanted.items()
        if form is not None
    ]


def _dataset_errors(config: RunConfig) -> list[str]:
    """Datasets that nothing is known of, and titles that are taken."""
    taken = {spec.title: name for name, spec in CATALOGUE.items()}
    errors: list[str] = []
    for name, dataset in config.datasets.items():
        where = f"datasets.{name}.class_texts"
        sources = list(CLASS_TEXTS.names())
        errors += unknown_names(where, "class-text source", [dataset.class_texts], sources)
        where = f"datasets.{name}.title"
        if dataset.title is None:
            unknown = unknown_names("datasets", "dataset", [name], list(CATALOGUE))
            own = "; a dataset of your own needs a 'title'"
            errors += [text if "did you mean" in text else text + own for text in unknown]
        elif name in CATALOGUE:
            errors.append(f"{where}: '{name}' has one already; give your dataset another name")
        elif dataset.title in taken:
            errors.append(f"{where}: '{dataset.title}' is the title of {taken[dataset.title]}")
        elif not _NAME.fullmatch(name):
            errors.append(f"datasets: '{name}' is no name; letters, digits, '-', '_' and '.' are")
        taken.setdefault(dataset.title or "", name)
    return errors


def _option_errors(where: str, method: MethodConfig) -> list[str]:
    import methods as methods_room

    if method.adapter not in methods_room.names():
        return []
    facts = methods_room.facts(method.adapter)
    kind = f"option of {method.adapter}"
    places = {f"{where}.options": method.options}
    for setting, options in method.setting_options.items():
        places[f"{where}.setting_options.{setting}"] = options
    errors = []
    for place, options in places.items():
        errors += unknown_names(place, kind, list(options), list(facts.options))
        for option in options.keys() & facts.options.keys():
            form = methods_room.wanted_form(facts.options, facts.choices, option, options[option])
            if form is not None:
                errors.append(f"{place}.{option}: got {options[option]!r}, allowed: {form}")
    return errors


def _some(name: str | None) -> list[str]:
    return [] if name is None else [name]


def _cell_errors(config: RunConfig, row: str, setting: str, dataset: str) -> Sequence[str]:
    import methods as methods_room
    from bench.planning.preprocessing import pipeline_errors

    try:
        recipe = config.recipe_for(row, setting, dataset)
    except ConfigError as error:
        return error.errors
    facts = methods_room.facts(config.methods[row].adapter)
    errors = pipeline_errors(facts.preprocessing, recipe, trains=facts.trains)
    return [f"recipe of {row} / {setting} / {dataset}: {text}" for text in errors]


def _recipe_errors(config: RunConfig) -> list[str]:
    """Cells without a valid recipe; what is wrong in many of them alike is said once."""
    cells: dict[str, dict[str, None]] = {}
    for setting, chosen in config.settings.items():
        source = config.setting_options(setting).get("source")
        for row in config.rows(setting):
            for dataset in (*chosen.datasets, *_some(source)):
                for text in _cell_errors(config, row, setting, dataset):
                    cell, _, problem = text.partition(": ")
                    cells.setdefault(problem, {})[cell] = None
    return [
        f"{next(iter(alike))}: {problem}"
        + (f"; likewise in {len(alike) - 1} more cells" if len(alike) > 1 else "")
        for problem, alike in cells.items()
    ]
