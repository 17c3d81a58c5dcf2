"""Child processes that import nothing from the folder that the user stands in.

``python -m`` and ``python -c`` look for modules in the working folder first, so a ``queue.py`` or a
``settings.py`` lying there would be run instead of the real one.
"""

from __future__ import annotations

import os
import sys
from multiprocessing import forkserver
from pathlib import Path


def command_of(module: str) -> list[str]:
    """The command that runs ``main()`` of a module in a new interpreter.

    ``python -P`` does the same; it is new in Python 3.11.
    """
    here = "import sys; sys.path[:] = [path for path in sys.path if path]"
    return [sys.executable, "-c", f"{here}; from {module} import main; sys.exit(main())"]


def start_forkserver() -> None:
    """Start multiprocessing's server of forks in a folder that holds no modules.

    Its workers change to the working folder themselves. Nothing happens if it runs already.
    """
    before = Path.cwd()
    os.chdir(sys.prefix)
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(before)


def leave_out_working_folder(package: Path) -> None:
    """Take the working folder, which ``python -m`` puts there, from the module search path.

    Args:
        package: A package of ours. Where it lies in the working folder itself, the path stays.
    """
    here = Path.cwd()
    if package.parent != here:
        sys.path[:] = [path for path in sys.path if path and Path(path) != here]
