"""A discrete-event simulation of engines under load, from the times of their steps. Uses simpy.

One step of an engine decodes a token of every running request and reads some tokens of waiting prompts. A
request begins when a place is free, gets its first token with the end of its prompt, and one more with each
step. An engine that launches ahead gives the device the next step before the last one's tokens are known, but
only while it decodes: a step with prompts waits for those tokens and for the host.
"""

import bisect
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import simpy

SimulatedEvents = Iterator[Any]  # Any: simpy's events


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a step that only decodes, by its requests, and of one that reads prompts, by its tokens.

    A step's tokens are those read and those decoded beside them. Between the given numbers, seconds are
    linear, or with `has_buckets` those of the next number. `host_seconds`, by the requests that decode, come
    on top when prompts are read. A token is seen `added_seconds` after its step, and that of the last request
    `delivery_seconds` later, by the step's requests. `chunk_tokens` limits a step while others decode,
    `idle_chunk_tokens` while none does.
    """

    step_seconds: Mapping[int, float]
    prefill_seconds: Mapping[int, float]
    host_seconds: Mapping[int, float]
    delivery_seconds: Mapping[int, float]
    max_running: int
    chunk_tokens: int = 512
    idle_chunk_tokens: int = 512
    launches_ahead: bool = False
    has_buckets: bool = False
    added_seconds: float = 0.0

    def seconds(self, decoded: int, read: int) -> float:
        decode_seconds = self._find(self.step_seconds, decoded) if decoded else 0.0
        if not read:
            return decode_seconds
        host_seconds = interpolate(self.host_seconds, decoded)
        return max(self.pass_seconds(decoded + read) + host_seconds, decode_seconds)

    def pass_seconds(self, tokens: int) -> float:
        """Of a step that reads prompts, without the host's."""
        return self._find(self.prefill_seconds, tokens)

    @property
    def _find(self) -> Callable[[Mapping[int, float], float], float]:
        return next_bucket if self.has_buckets else interpolate


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


@dataclass(slots=True)
class _Step:
    """`sampled` get a token at its end."""

    sampled: list[_Running]
    seconds: float


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
        step = None
        while True:
            if step is None:
                if not self.load:
                    self.has_work = self.environment.event()
                    yield self.has_work
                step = self._plan()
            ahead = self._plan_ahead(step)
            yield self.environment.timeout(step.seconds)
            self._end(step)
            step = ahead

    def _plan(self) -> _Step:
        while self.waiting and len(self.running) < self.speed.max_running:
            self.running.append(self.waiting.popleft())
        decoding = [each for each in self.running if not each.unread_tokens]
        left = most = self.speed.chunk_tokens - len(decoding) if decoding else self.speed.idle_chunk_tokens
        for each in self.running:
            part = min(each.unread_tokens, left)
            each.unread_tokens -= part
            left -= part
        sampled = [each for each in self.running if not each.unread_tokens]
        return _Step(sampled, self.speed.seconds(len(decoding), most - left))

    def _plan_ahead(self, step: _Step) -> _Step | None:
        """The step after the given one, unless a prompt must be read in it."""
        if not self.speed.launches_ahead or any(each.unread_tokens for each in self.running):
            return None
        if self.waiting and len(self.running) < self.speed.max_running:
            return None
        going_on = [each for each in step.sampled if each.tokens + 1 < each.job.max_tokens]
        return _Step(going_on, self.speed.seconds(len(going_on), 0)) if going_on else None

    def _end(self, step: _Step) -> None:
        now = self.environment.now + self.speed.added_seconds
        delivery_seconds = interpolate(self.speed.delivery_seconds, len(step.sampled))
        for each in step.sampled:
            each.tokens += 1
            if each.tokens == 1:
                each.first_at = now + delivery_seconds  # those that decode come before it
            if each.tokens >= each.job.max_tokens:
                self.running.remove(each)
                self.outcomes.append(Outcome(each.first_at - each.job.at, now - each.job.at))


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


def next_bucket(values: Mapping[int, float], at: float) -> float:
    """The value of the smallest number from `at` on. Beyond the last it goes on like the last two."""
    keys: Final = sorted(values)
    index = bisect.bisect_left(keys, at)
    return values[keys[index]] if index < len(keys) else interpolate(values, at)


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
