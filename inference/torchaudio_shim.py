"""Imports torchaudio where its compiled extension cannot be loaded.

PyPI's torchaudio is linked against one CUDA build of torch: beside another torch, `import torchaudio`
raises OSError, and so does every transformers model, which imports it unguarded. What this project
uses of it (mel filters, resampling) is plain torch, so the extension is declared absent.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

EXTENSION = "torchaudio._extension"


def import_torchaudio() -> ModuleType:
    """Returns torchaudio. Called before anything else imports it; does nothing more when that happened."""
    if "torchaudio" not in sys.modules:
        sys.modules.setdefault(EXTENSION, _AbsentExtension(EXTENSION))
    return importlib.import_module("torchaudio")


class _AbsentExtension(ModuleType):
    """What torchaudio asks its extension module for, answered with "not there"."""

    _IS_TORCHAUDIO_EXT_AVAILABLE = False
    _IS_ALIGN_AVAILABLE = False

    @staticmethod
    def fail_if_no_align(function: Callable[..., object]) -> Callable[..., object]:
        return function
