"""Finds the files that belong to the program but are not code: migrations and samples.

They are at the top of the source tree; an installed package contains them.
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent


def shipped_directory(name: str) -> Path:
    """The path of a directory that pyproject.toml includes in the package as `_{name}`."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name
