"""The last hour in memory, for the page at /ops: a sample of everything every few seconds.

Bounded: so many samples, and so many users. It starts empty with the process; what must last longer is
in Prometheus.
"""

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from app.ops.traffic import Measures, Traffic
from app.ops.users_of_hour import UsersOfHour
from app.record.request_record import Outcome, RequestRecord
from inference import Backend, BackendStatus, DeviceLoad

SAMPLE_SECONDS: Final = 5.0
MEASURE_SECONDS: Final = 30.0
HOUR_SECONDS: Final = 3600
MAX_SAMPLES: Final = int(HOUR_SECONDS / SAMPLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened in the `seconds` before `at` (Unix seconds), and how things stood then.

    `measures` are of the last half minute: over few responses they would jump.
    """

    at: float
    seconds: float
    traffic: Traffic
    measures: Measures
    status: BackendStatus
    loads: tuple[DeviceLoad, ...]


class History:
    """Started and closed by `app/lifespan.py`; used on the event loop's thread alone.

    `instance` tells a page that the process, and so the history, has changed. A caller that
    streams a generation adds its tokens to `output_tokens` as they arrive.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock or steady_clock()
        self.instance = secrets.token_hex(4)
        self.output_tokens = 0
        self.loads: tuple[DeviceLoad, ...] = ()  # as last sampled: drivers respond slowly
        self.users = UsersOfHour(self._clock)
        self._backend = backend
        self._sleep = sleep
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self._current = Traffic()
        self._sampled_at = self._clock()
        self._sampled_tokens = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._take_samples(), name="ops-history")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def observe(self, record: RequestRecord, outcome: Outcome) -> None:
        """Counts one request at its end, if its route generates."""
        if record.route_generates:
            self._current.observe(record, outcome)
            self.users.observe(record, outcome)

    def take_sample(self) -> None:
        """Ends the current sample and begins the next."""
        now = self._clock()
        self._current.output_tokens = self.output_tokens - self._sampled_tokens
        at = round(now, 3)  # as it travels, so that a page can name what it has
        self.loads = self._backend.device_loads()
        sample = Sample(
            at=at,
            seconds=now - self._sampled_at,
            traffic=self._current,
            measures=Measures.of(self.last(MEASURE_SECONDS - SAMPLE_SECONDS)),
            status=self._backend.status(),
            loads=self.loads,
        )
        self._samples.append(sample)
        self._current = Traffic()
        self._sampled_at, self._sampled_tokens = now, self.output_tokens

    def now(self) -> float:
        """Unix seconds, as in samples."""
        return self._clock()

    def samples_after(self, at: float) -> list[Sample]:
        """Oldest first."""
        return [sample for sample in self._samples if sample.at > at]

    def last(self, seconds: float) -> Traffic:
        """All traffic of the last `seconds`, and of the sample that is not complete yet."""
        complete = islice(reversed(self._samples), round(seconds / SAMPLE_SECONDS))
        return Traffic.merged((*(sample.traffic for sample in complete), self._current))

    def refusals(self) -> Counter[str]:
        """Of the whole hour, by stable code."""
        counts = self._current.refusals.copy()
        for sample in self._samples:
            counts.update(sample.traffic.refusals)
        return counts

    async def _take_samples(self) -> None:
        while True:
            await self._sleep(SAMPLE_SECONDS)
            self.take_sample()


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never go back, even if the system's clock is set back."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
