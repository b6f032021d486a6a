"""Finds speech in recordings, in a thread of its own: several recordings take turns, 20 ms each."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from inference import SpeechSearch, SpeechSpan, VoiceNetwork


class SpeechFinder:
    """Created and closed by `MediaDecoder`; used on the event loop's thread."""

    def __init__(self) -> None:
        self._network = _network()
        # One thread: the event loop waits for the interpreter behind one other at the most.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="speech-finder")

    async def find(self, samples: NDArray[np.float32]) -> tuple[SpeechSpan, ...]:
        """samples (T,) at 16 kHz, in [-1, 1]."""
        search = SpeechSearch(self._network, samples)
        steps = iter(search)
        while await asyncio.get_running_loop().run_in_executor(self._thread, _advance, steps):
            pass
        return search.spans

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)


@cache
def _network() -> VoiceNetwork:
    """Its weights are read once per process."""
    return VoiceNetwork()


def _advance(steps: Iterator[None]) -> bool:
    return next(steps, _END) is not _END


_END = object()
