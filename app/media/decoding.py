"""Decoding off the event loop, in a bounded number of threads, and base64 as clients send it."""

import asyncio
import binascii
import math
import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, TypeVar

from app.errors import BodyTooLarge, InvalidMedia
from app.media.image import decode_image
from app.settings import MediaSettings
from inference import Audio, Image

MAX_WORKERS = 2  # a 50-megapixel picture takes 0.35 GB while it is decoded

_DATA_URI: Final = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[\w.+-]*)*;base64,", re.ASCII)
_MAX_PREFIX_CHARACTERS = 200

T = TypeVar("T")
Measure = Callable[[str], AbstractContextManager[object]]


class MediaDecoder:
    """Created and closed by `app/lifespan.py`; its methods are called from the event loop."""

    def __init__(self, settings: MediaSettings, max_workers: int = MAX_WORKERS) -> None:
        self._settings = settings
        # Pillow warns of broken metadata in callers' files: not for the operator, and not to be
        # switched off around each call, as filters are the whole process's.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        self._executor = ThreadPoolExecutor(max_workers, thread_name_prefix="media")

    def budget(self, measure: Measure = lambda _: nullcontext()) -> "MediaBudget":
        """What all media of one request may come to; `measure` is told what is done for it."""
        return MediaBudget(self._settings.max_request_pixels, self._settings.max_audio_seconds, measure)

    async def image(self, data: bytes | str, budget: "MediaBudget") -> Image:
        """A string is base64 or a data URI.

        Raises `InvalidImage` and `ImageTooLarge`, for a string also what `decode_base64` raises.
        """
        max_pixels = min(self._settings.max_image_pixels, budget.pixels)
        with budget.measure("decode image"):
            image = await self._run(decode_image, data, max_pixels)
        height, width, _ = image.pixels.shape
        budget.pixels -= height * width
        return image

    async def audio(self, data: bytes | str, budget: "MediaBudget") -> Audio:
        """A string is base64 or a data URI.

        Raises `InvalidAudio` and `AudioTooLong`, for a string also what `decode_base64` raises.
        """
        with budget.measure("decode audio"):
            audio = await self._run(_decode_audio, data, budget.seconds)
        budget.seconds -= math.ceil(len(audio.samples) / audio.sample_rate)
        return audio

    async def aclose(self) -> None:
        """Waits for what is being decoded; what only waits is dropped."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)

    async def _run(self, decode: Callable[[bytes, int], T], data: bytes | str, bound: int) -> T:
        def run() -> T:
            if isinstance(data, str):  # 25 MB of base64 take 0.1 s: not on the event loop either
                return decode(decode_base64(data, self._settings.max_media_bytes), bound)
            return decode(data, bound)

        return await asyncio.get_running_loop().run_in_executor(self._executor, run)


@dataclass(slots=True)
class MediaBudget:
    """How much the media still to be decoded for a request may come to: a small file can hold a lot."""

    pixels: int
    seconds: int
    measure: Measure


def _decode_audio(data: bytes, max_seconds: int) -> Audio:
    from app.media.audio import decode_audio  # FFmpeg takes 15 MB, which a gateway for text never needs

    return decode_audio(data, max_seconds)


def decode_base64(text: str, max_bytes: int) -> bytes:
    """The bytes of base64 or of a data URI; the type that a URI declares is not looked at.

    Raises `InvalidMedia`, and `BodyTooLarge` before anything is allocated.
    """
    begin = text[:_MAX_PREFIX_CHARACTERS]
    if begin.lower().startswith(("http://", "https://")):
        raise InvalidMedia("Addresses are not fetched. Send the file itself: data:image/jpeg;base64,...")
    data_uri = _DATA_URI.match(begin)
    start = data_uri.end() if data_uri else 0
    if (len(text) - start) * 3 // 4 - 2 > max_bytes:  # padding may stand for two bytes
        raise BodyTooLarge
    try:
        # Android's default encoder breaks lines.
        data = binascii.a2b_base64(text[start:].replace("\r", "").replace("\n", ""), strict_mode=True)
    except ValueError as error:
        raise InvalidMedia("This is not base64: use the standard alphabet with padding.") from error
    if len(data) > max_bytes:
        raise BodyTooLarge
    return data
