"""Runs `transformers serve`, with torchaudio's stand-in: python transformers_serve.py serve MODEL …"""

from inference.torchaudio_shim import import_torchaudio

import_torchaudio()

from transformers.cli.transformers import main  # noqa: E402 - after the shim

main()
