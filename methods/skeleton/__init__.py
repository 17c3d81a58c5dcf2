"""The start of a new adapter: a file that works as it is, and its test (``bench new-method``)."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import methods
from bench.ground.errors import UsageError

FILES = {"{module}.py": "adapter.py.j2", "test_{module}.py": "test_adapter.py.j2"}
"""What is made -> the template it is made from."""


def write_skeleton(name: str, out: Path) -> list[Path]:
    """Write an adapter and its test into a folder.

    Args:
        name: Name of the adapter: lower case, words joined by hyphens.
        out: The folder; made if missing.

    Returns:
        The adapter and the test.

    Raises:
        UsageError: The name is not a valid one or is taken, or a file is there already.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    _check_name(name)
    words = name.split("-")
    facts = {
        "name": name,
        "module": "_".join(words),
        "cls": "".join(word.capitalize() for word in words),
        "title": " ".join(word.capitalize() for word in words),
    }
    targets = {out / file.format(**facts): template for file, template in FILES.items()}
    for path in targets:
        if path.exists():
            raise UsageError(
                f"{path} is there already", next_step="choose another --out, or move it away"
            )
    environment = Environment(
        loader=PackageLoader("methods.skeleton", "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, template in targets.items():
            path.write_text(environment.get_template(template).render(facts))
    except OSError as error:
        raise UsageError(f"{out} cannot be written to: {error.strerror}") from error
    return list(targets)


def _check_name(name: str) -> None:
    module = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(module):
        raise UsageError(
            "this cannot be the name of an adapter",
            got=name,
            allowed="lower-case letters and digits, words joined by hyphens: my-method",
        )
    if name in methods.names():
        raise UsageError(f"there is an adapter '{name}' already", next_step="choose another name")
