"""How long a stream stands still while a screenshot comes: `python -m benchmarks.picture_between_tokens`.

The embedded model on the CPU streams a response; a 1080 x 2400 screenshot is asked about meanwhile. Once
with the engine's own bound on a step, once without one, in turns; medians of the longest gap between two
tokens, of the time to the picture's first token, and of the gaps when nothing comes.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from typing import Any

import numpy as np

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.types import GenerationRequest, Image, Message, Part, SamplingParams, Text
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions

STREAMED_TOKENS = 120
TOKENS_BEFORE = 20  # of the stream, when the screenshot comes
BOUNDS = {"bounded": EngineConfig().chunk_tokens, "unbounded": 10**9}  # tokens that a step may prefill


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    pixels = np.random.default_rng(0).integers(0, 256, (rounds, 2400, 1080, 3), dtype=np.uint8)
    measured: dict[str, list[float]] = {}
    backends = {name: InProcessBackend(EngineConfig(chunk_tokens=bound)) for name, bound in BOUNDS.items()}
    for backend in backends.values():
        await backend.start()
        await look(backend, Image(pixels[0, :1000]))
    try:
        for number in range(rounds):
            for name, backend in backends.items():
                for figure, seconds in (await stream_and_look(backend, Image(pixels[number]))).items():
                    measured.setdefault(f"{name}_{figure}_ms", []).append(seconds * 1000)
    finally:
        for backend in backends.values():
            await backend.aclose(0)
    figures: dict[str, Any] = {name: round(statistics.median(each), 1) for name, each in measured.items()}
    print_figures("A screenshot between the tokens of a stream, embedded model, CPU", figures)
    print(json.dumps(figures | {"rounds": rounds, "hardware": hardware_and_versions("torch")}))


async def stream_and_look(backend: InProcessBackend, image: Image) -> dict[str, float]:
    moments: list[float] = []
    looking: asyncio.Task[float] | None = None
    async for delta in backend.generate(request(STREAMED_TOKENS, Text("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"))):
        moments += [time.monotonic()] if delta.usage and delta.usage.completion_tokens else []
        if len(moments) == TOKENS_BEFORE:
            looking = asyncio.create_task(look(backend, image))
    assert looking is not None
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return {
        "longest_gap": max(gaps[TOKENS_BEFORE:]),
        "usual_gap": statistics.median(gaps[:TOKENS_BEFORE]),
        "picture_ttft": await looking,
    }


async def look(backend: InProcessBackend, image: Image) -> float:
    """Seconds to the first token."""
    started = time.monotonic()
    async for delta in backend.generate(request(1, image, Text("What is on this screen?"))):
        if delta.usage and delta.usage.completion_tokens:
            return time.monotonic() - started
    raise AssertionError("no response")


def request(max_tokens: int, *parts: Part) -> GenerationRequest:
    sampling = SamplingParams(max_tokens=max_tokens, temperature=3.0, seed=1)  # rambles on
    return GenerationRequest("benchmark", (Message("user", parts),), sampling, fairness_key="somebody")


if __name__ == "__main__":
    asyncio.run(main())
