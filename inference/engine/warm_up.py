"""Encodes one picture before the first request, so that the first request takes no longer than the second.

The first use of a tower on a GPU loads kernels, and its library chooses an algorithm for each shape.
"""

import logging
import time

import numpy as np
import torch

from inference.devices import is_gpu
from inference.engine.language_model import LanguageModel
from inference.stepwise import finish
from inference.types import Image, Message, Text

logger = logging.getLogger(__name__)

SCREENSHOT = (2400, 1080)  # a phone's: height, width


def warm_up(model: LanguageModel, device: torch.device) -> None:
    """Does nothing on other devices than GPUs. Runs in the worker's thread."""
    if not is_gpu(device) or "image" not in model.modalities:
        return
    started = time.monotonic()
    pixels = np.random.default_rng(0).integers(0, 256, (*SCREENSHOT, 3), dtype=np.uint8)
    message = Message("user", (Image(pixels), Text("a")))
    with torch.inference_mode():
        finish(model.encode_stepwise((message,), False, "chat", lambda prompt_tokens: None))
        torch.cuda.synchronize(device)
    logger.info("%s: the vision tower is ready after %.1f s", device, time.monotonic() - started)
