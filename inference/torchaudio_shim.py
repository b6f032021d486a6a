"""Imports torchaudio where its compiled extension cannot be loaded.

PyPI's torchaudio is linked against one CUDA build of torch. With another torch, `import torchaudio` raises
OSError, and so does every transformers model, because they import it. The parts that this project uses (mel
filters, resampling) are plain torch, so this module declares the extension absent. It replaces a private
module: pyproject.toml bounds the version, and `tests/inference/test_torchaudio_shim.py` fails where another
one needs more.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

EXTENSION = "torchaudio._extension"


def import_torchaudio() -> ModuleType:
    """Returns torchaudio. Must be called before anything else imports it."""
    if "torchaudio" not in sys.modules:
        sys.modules.setdefault(EXTENSION, _AbsentExtension(EXTENSION))
    return importlib.import_module("torchaudio")


class _AbsentExtension(ModuleType):
    """The names that torchaudio imports from its extension module, all of which mean "absent"."""

    _IS_TORCHAUDIO_EXT_AVAILABLE = False
    _IS_ALIGN_AVAILABLE = False

    @staticmethod
    def fail_if_no_align(function: Callable[..., object]) -> Callable[..., object]:
        return function
