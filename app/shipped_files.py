"""Where the files are that belong to the program and are no code: migrations and samples.

They stand at the top of the source tree; an installed package has them inside.
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent


def shipped_directory(name: str) -> Path:
    """Of a directory that pyproject.toml puts into the package as `_{name}`."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent / name
