"""A discrete-event simulation of engines under load, from the times of their steps. Uses simpy.

One step of an engine decodes a token of every running request and reads some tokens of waiting prompts. A
request begins when a place is free, gets its first token with the end of its prompt, and one more with each
step. The next step is queued before the last one's tokens are read, as the engine does it on a GPU.
"""

import bisect
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import simpy

SimulatedEvents = Iterator[Any]  # Any: simpy's events


@dataclass(frozen=True, slots=True)
class Speed:
    """`step_seconds` by running requests, `prefill_seconds` by tokens; between them it is linear.

    `queued_steps` are given to the device ahead; `added_seconds` are those of the way to it and back.
    """

    step_seconds: Mapping[int, float]
    prefill_seconds: Mapping[int, float]
    max_running: int
    chunk_tokens: int = 512
    queued_steps: int = 1
    added_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """`at` is in seconds."""

    at: float
    prompt_tokens: int
    max_tokens: int


@dataclass(slots=True)
class Outcome:
    """Seconds since the job came."""

    ttft: float
    total: float


@dataclass(slots=True)
class _Running:
    job: Job
    unread_tokens: int
    tokens: int = 0
    first_at: float = 0.0


@dataclass
class _Engine:
    environment: simpy.Environment
    speed: Speed
    waiting: deque[_Running] = field(default_factory=deque)
    running: list[_Running] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.has_work = self.environment.event()

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.running)

    def add(self, job: Job) -> None:
        self.waiting.append(_Running(job, job.prompt_tokens))
        if not self.has_work.triggered:
            self.has_work.succeed()

    def run(self) -> SimulatedEvents:
        while True:
            if not self.load:
                self.has_work = self.environment.event()
                yield self.has_work
            read, decoding = self._plan()
            seconds = interpolate(self.speed.step_seconds, len(decoding)) if decoding else 0.0
            seconds += interpolate(self.speed.prefill_seconds, read) if read else 0.0
            yield self.environment.timeout(seconds)
            self._end_step(decoding, seconds)

    def _plan(self) -> tuple[int, list[_Running]]:
        """The tokens of prompts that the next step reads, and the requests that it decodes."""
        while self.waiting and len(self.running) < self.speed.max_running:
            self.running.append(self.waiting.popleft())
        decoding = [each for each in self.running if not each.unread_tokens]
        left = self.speed.chunk_tokens
        for each in self.running:
            part = min(each.unread_tokens, left)
            each.unread_tokens -= part
            left -= part
        return self.speed.chunk_tokens - left, decoding

    def _end_step(self, decoding: Sequence[_Running], seconds: float) -> None:
        now, speed = self.environment.now, self.speed
        late = speed.added_seconds + speed.queued_steps * seconds
        for each in self.running:
            if each.unread_tokens:
                continue
            each.tokens += 1
            if each.tokens == 1:
                each.first_at = now + late
            if each.tokens >= each.job.max_tokens:
                at = each.job.at
                self.outcomes.append(Outcome(each.first_at - at, now + speed.added_seconds - at))
        self.running = [each for each in self.running if each.tokens < each.job.max_tokens]


def simulate(jobs: Iterable[Job], speed: Speed, engines: int = 1) -> list[Outcome]:
    """Each job goes to the engine with the fewest. Returns when all have ended."""
    environment = simpy.Environment()
    all_engines = [_Engine(environment, speed) for _ in range(engines)]
    for engine in all_engines:
        environment.process(engine.run())

    def arrive() -> SimulatedEvents:
        for job in jobs:
            yield environment.timeout(max(job.at - environment.now, 0.0))
            min(all_engines, key=lambda engine: engine.load).add(job)

    environment.process(arrive())
    environment.run()
    return [outcome for engine in all_engines for outcome in engine.outcomes]


def poisson(rate: float, seconds: float, prompt_tokens: int, max_tokens: int, seed: int = 0) -> list[Job]:
    """`rate` is in requests a second."""
    chance, at, jobs = random.Random(seed), 0.0, []
    while (at := at + chance.expovariate(rate)) < seconds:
        jobs.append(Job(at, prompt_tokens, max_tokens))
    return jobs


def interpolate(values: Mapping[int, float], at: float) -> float:
    """Beyond the last value it goes on like the last two; before the first it is the first."""
    keys: Final = sorted(values)
    if at <= keys[0] or len(keys) == 1:
        return values[keys[0]]
    index = min(bisect.bisect_left(keys, at), len(keys) - 1)
    (low, high) = list(pairwise(keys))[index - 1]
    share = (at - low) / (high - low)
    return values[low] + share * (values[high] - values[low])


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
