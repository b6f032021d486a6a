"""Reports of all gateways in the Redis that they share, for the page at /ops of any of them.

Redis' own clock says how old a report is, so the gateways' clocks need not agree. What a gateway has left
behind is deleted after an hour.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from app.ops.history import HOUR_SECONDS, MAX_SAMPLES, Sample
from app.ops.report import CONTEXT_SECONDS, Heard, Report
from app.redis.shared_redis import SharedRedis

PREFIX: Final = "gateway:ops"
SEEN: Final = f"{PREFIX}:seen"  # sorted set: instance -> Unix seconds of Redis at its last report
REPORTS: Final = f"{PREFIX}:reports"  # hash: instance -> report
TIMEOUT_SECONDS: Final = 2.0
MAX_GATEWAYS: Final = 64

_REPORT: Final = TypeAdapter(Report)
_SAMPLE: Final = TypeAdapter(Sample)
Fields = dict[FieldT, EncodableT]
T = TypeVar("T")

logger = logging.getLogger(__name__)


class ReportsUnavailable(Exception):
    """Redis does not respond: the other gateways are unknown."""


class SharedReports:
    """Made by `app/lifespan.py`; `redis` stays open. Used on the event loop.

    The circuit breaker of `redis` is read, not used: an hour of samples takes longer than a limit may.
    """

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis

    async def publish(self, report: Report, samples: Sequence[Sample]) -> None:
        """`samples` are those that were not published yet, the oldest first. Raises `ReportsUnavailable`."""
        await self._within_time(self._publish(report, samples))

    async def others(self, instance: str, after: float) -> list[Heard]:
        """All gateways but `instance`, with samples for a chart that goes on after `after` (Unix seconds).

        Leaves out what a gateway of another version says in another form. Raises `ReportsUnavailable`.
        """
        found = await self._within_time(self._read(instance, after))
        return await asyncio.to_thread(_parse, found)

    async def _publish(self, report: Report, samples: Sequence[Sample]) -> None:
        client = self._redis.client
        now, _ = await client.time()
        pipeline = client.pipeline(transaction=False)
        pipeline.zadd(SEEN, {report.instance: now})
        pipeline.hset(REPORTS, report.instance, _REPORT.dump_json(report))
        key = _samples_key(report.instance)
        for sample in samples:
            fields: Fields = {"sample": _SAMPLE.dump_json(sample)}
            pipeline.xadd(key, fields, id=_entry_id(sample.at), maxlen=MAX_SAMPLES, approximate=False)
        pipeline.expire(key, HOUR_SECONDS)
        pipeline.zrangebyscore(SEEN, "-inf", now - HOUR_SECONDS)
        # A sample that was added before a response was lost is refused, and is there.
        *_, forgotten = await pipeline.execute(raise_on_error=False)
        if isinstance(forgotten, list) and forgotten:
            pipeline.zrem(SEEN, *forgotten)
            pipeline.hdel(REPORTS, *forgotten)
            await pipeline.execute()

    async def _read(self, instance: str, after: float) -> list[tuple[float, bytes, list[bytes]]]:
        client = self._redis.client
        pipeline = client.pipeline(transaction=False)
        pipeline.time()
        pipeline.zrevrange(SEEN, 0, MAX_GATEWAYS, withscores=True)
        pipeline.hgetall(REPORTS)
        (now, _), seen, reports = await pipeline.execute()
        others = [(name, score) for name, score in seen if name.decode() != instance and name in reports]
        start = _entry_id(max(after - CONTEXT_SECONDS, 0))
        for name, _ in others:
            pipeline.xrange(_samples_key(name.decode()), start)
        samples = await pipeline.execute() if others else []
        return [
            (max(now - score, 0.0), reports[name], [fields[b"sample"] for _, fields in entries])
            for (name, score), entries in zip(others, samples, strict=True)
        ]

    async def _within_time(self, work: Awaitable[T]) -> T:
        if self._redis.breaker.is_open:
            _close(work)
            raise ReportsUnavailable
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await work
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            raise ReportsUnavailable from error


def _parse(found: Sequence[tuple[float, bytes, list[bytes]]]) -> list[Heard]:
    heard = []
    for seconds_ago, report, samples in found:
        try:
            parsed = [_SAMPLE.validate_json(sample) for sample in samples]
            heard.append(Heard(_REPORT.validate_json(report), seconds_ago, parsed))
        except ValidationError:
            logger.debug("a gateway of another version is left out of /ops")
    return heard


def _samples_key(instance: str) -> str:
    return f"{PREFIX}:samples:{instance}"


def _entry_id(at: float) -> str:
    return f"{round(at * 1000)}-0"


def _close(work: Any) -> None:  # Any: a coroutine, which is not awaited
    work.close()
