"""Streams as one measures them, through the engine or through HTTP: the same loads, the same arithmetic.

A stream's tokens are counted by its usage. How many of them a piece of text has follows from its length.
"""

import asyncio
import bisect
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

TEMPLATE_TOKENS = 2
FEW = 0.05  # of the streams, which may begin late or end early
WARM_SHARE = 0.25  # of a closed loop, before its tokens count


@dataclass(frozen=True, slots=True)
class Load:
    """`at_once`: `streams` requests together. `closed`: as many clients, each with the next request when the
    last one has ended, for `seconds`. `poisson`: `rate` requests a second, for `seconds`.

    `first` is the number of its first request: no two prompts of a benchmark begin alike.
    """

    kind: Literal["at_once", "closed", "poisson"]
    streams: int
    prompt_tokens: int
    max_tokens: int
    first: int
    seconds: float = 0.0
    rate: float = 0.0
    starts_at: float = 0.0  # monotonic; 0: now


@dataclass(slots=True)
class Stream:
    """What a client saw of one request. Times are monotonic seconds, `sizes` characters so far."""

    due: float
    moments: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    tokens: int = 0
    ended: float = 0.0
    error: str = ""
    worker: str = ""

    def note(self, characters: int) -> None:
        self.moments.append(time.monotonic())
        self.sizes.append((self.sizes[-1] if self.sizes else 0) + characters)

    @property
    def ttft_seconds(self) -> float:
        return (self.moments[0] if self.moments else self.ended) - self.due

    def tokens_until(self, moment: float) -> float:
        count = bisect.bisect_right(self.moments, moment)
        return self.tokens * self.sizes[count - 1] / self.sizes[-1] if count else 0.0


Ask = Callable[[str, int, Stream], Awaitable[None]]  # prompt, max_tokens; fills the stream


async def run_load(load: Load, ask: Ask) -> list[Stream]:
    started = load.starts_at or time.monotonic()
    await asyncio.sleep(max(0.0, started - time.monotonic()))
    streams: list[Stream] = []

    async def one(number: int, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        stream = Stream(due)
        streams.append(stream)
        try:
            await ask(prompt(load.prompt_tokens, number), load.max_tokens, stream)
        except Exception as error:  # counted, and shown by its type
            stream.error = type(error).__name__
        stream.ended = time.monotonic()

    async def again(client: int) -> None:
        number = load.first + client
        while time.monotonic() < started + load.seconds:
            await one(number, time.monotonic())
            number += load.streams

    match load.kind:
        case "at_once":
            await asyncio.gather(*(one(load.first + index, started) for index in range(load.streams)))
        case "closed":
            await asyncio.gather(*map(again, range(load.streams)))
        case "poisson":
            await asyncio.gather(
                *(one(load.first + index, due) for index, due in enumerate(arrivals(load, started)))
            )
    return streams


def arrivals(load: Load, started: float) -> list[float]:
    chance, due, times = random.Random(load.first), started, []
    while (due := due + chance.expovariate(load.rate)) < started + load.seconds:
        times.append(due)
    return times


def prompt(tokens: int, number: int) -> str:
    """So many tokens, with the template's; a character is one."""
    return f"{number:06} ".ljust(tokens - TEMPLATE_TOKENS, "x")


def tokens_per_second(streams: Sequence[Stream]) -> float:
    """While nearly all decode: from when 95 % have begun until 5 % have ended, since two devices may have 63
    and 65 of 128 streams. If more wait for others to end, from the first token to the last."""
    served = [stream for stream in streams if stream.moments]
    if not served:
        return 0.0
    few = int(len(served) * FEW)
    start = sorted(stream.moments[0] for stream in served)[-1 - few]
    end = sorted(stream.moments[-1] for stream in served)[few]
    if start >= end:
        start, end = min(stream.moments[0] for stream in served), max(stream.moments[-1] for stream in served)
    return _rate(served, start, end)


def closed_loop_rates(load: Load, streams: Sequence[Stream]) -> tuple[float, float]:
    """Tokens and requests per second of a closed loop, when it is warm."""
    first = min(stream.due for stream in streams)
    start, end = first + WARM_SHARE * load.seconds, first + load.seconds
    served = [stream for stream in streams if stream.moments]
    tokens = _rate(served, start, end)
    return tokens, tokens / load.max_tokens


def _rate(streams: Sequence[Stream], start: float, end: float) -> float:
    tokens = sum(stream.tokens_until(end) - stream.tokens_until(start) for stream in streams)
    return round(tokens / (end - start), 1)


def percentile_ms(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return (
        round(ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1000, 1) if ordered else 0.0
    )


def ttft_figures(name: str, streams: Sequence[Stream]) -> dict[str, object]:
    values = [stream.ttft_seconds for stream in streams if stream.moments]
    return {
        f"{name}_requests": len(streams),
        f"{name}_ttft_p50_ms": percentile_ms(values, 50),
        f"{name}_ttft_p99_ms": percentile_ms(values, 99),
        f"{name}_errors": errors(streams),
    }


def errors(streams: Sequence[Stream]) -> dict[str, int]:
    return dict(Counter(stream.error for stream in streams if stream.error))
