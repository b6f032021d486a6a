"""Runs llama.cpp's server from the package xllamacpp: python llama_server.py CHECKPOINT PORT

It does not take thoughts out of the text of the embedded model, whose template marks them in its own way.
"""

import sys
import tempfile
import threading
from pathlib import Path

import xllamacpp
from gguf_checkpoint import write_gguf

CONTEXT_LENGTH = 1024  # of each of its slots
SLOTS = 4

with tempfile.TemporaryDirectory() as directory:
    file = Path(directory) / "model.gguf"
    write_gguf(Path(sys.argv[1]), file)
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2])
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT_LENGTH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    if "<answer>" in (Path(sys.argv[1]) / "chat_template.jinja").read_text():
        params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    server = xllamacpp.Server(params)
    threading.Event().wait()
