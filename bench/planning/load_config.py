"""A configuration file, read with mmengine and validated as a whole before anything runs.

A configuration is a Python file (and therefore code) with ``_base_`` files; ``configs/mini.py`` is
the default. Every error is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.ground.errors import BenchError, ConfigError, UsageError, nearest
from bench.planning.config import RunConfig, validation_messages
from bench.planning.config_checks import cross_check, unknown_names

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def find_config(name: str | Path | None) -> Path:
    """A configuration file by path, or by name among those that come with the project.

    A path has a folder in it or ends in ``.py``; anything else is a name, whatever files of that
    name lie in the working folder.

    Raises:
        UsageError: There is no such file; the nearest name is suggested.
    """
    if name is None:
        return CONFIGS / "mini.py"
    path = Path(name)
    by_path = path.suffix == ".py" or len(path.parts) > 1
    file = path if by_path else CONFIGS / f"{name}.py"
    if file.is_file():
        return file.resolve()
    shipped = sorted(p.stem for p in CONFIGS.glob("*.py") if p.stem != "__init__")
    guess = nearest(path.stem, shipped)
    raise UsageError(
        f"no configuration file '{name}'" + (f"; did you mean '{guess}'?" if guess else ""),
        allowed="the path of a .py file, or one of: " + ", ".join(shipped),
    )


def load_config(
    path: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> RunConfig:
    """Read, merge and validate a configuration.

    Args:
        path: A file, the name of a shipped configuration, or None for the mini world.
        overrides: Dotted keys and values, for example ``{"settings.few-shot.options.shots": [2]}``.

    Raises:
        UsageError: There is no such file, or it is no valid Python.
        ConfigError: Every error of its content at once.
    """
    from mmengine.config import Config

    file = find_config(path)
    try:
        raw = Config.fromfile(str(file), import_custom_modules=False, lazy_import=False)
    except BenchError:
        raise  # what a dataset that was prepared lacks, with the command that mends it
    except FileNotFoundError as error:
        raise UsageError(
            f"configuration {file.name} names a file that is not there: {error}",
            got=str(file),
            next_step=f"`_base_` is relative to {file.name} itself, unless it begins with '/'; "
            f"the configurations that come with the project lie in {CONFIGS}",
        ) from error
    except Exception as error:
        raise UsageError(
            f"configuration {file.name} cannot be read: {type(error).__name__}: {error}",
            got=str(file),
            next_step="mend the line that the message names",
        ) from error
    tree: dict[str, Any] = {
        key: value for key, value in raw.to_dict().items() if not key.startswith("_")
    }
    for dotted, value in (overrides or {}).items():
        _put(tree, dotted, value)
    config = _validated(tree, file)
    errors = unknown_names("only", "setting", config.only, list(config.settings))
    errors += cross_check(config)
    if errors:
        raise ConfigError(errors, source=str(file))
    if not config.only:
        return config
    kept = {name: config.settings[name] for name in config.only}
    return config.model_copy(update={"settings": kept})


def _put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = value


def _validated(tree: dict[str, Any], file: Path) -> RunConfig:
    try:
        return RunConfig(**{**tree, "path": str(file)})
    except ValidationError as error:
        raise ConfigError(validation_messages(error, "", tree), source=str(file)) from error
