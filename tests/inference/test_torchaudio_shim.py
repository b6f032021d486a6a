"""torchaudio and transformers import beside a torch that torchaudio was not built for."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_transformers_models_import_after_torchaudio() -> None:
    """In another process, because modules are imported once."""
    program = (
        "from inference.torchaudio_shim import import_torchaudio\n"
        "assert import_torchaudio() is import_torchaudio()\n"
        "import_torchaudio().functional.melscale_fbanks(201, 0.0, 8000.0, 80, 16000)\n"
        "from transformers import Glm4ForCausalLM\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
