"""The recordings of several gateways, in the Redis that they share.

One task does everything, in one call every few milliseconds while there is anything to do: it writes what
this process's recordings have gained and reads what other processes' have, as far as someone reads them here.
A call takes a bounded number of bytes in each direction.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import NoScriptError

from app.errors import StreamsUnavailable
from app.redis.circuit_breaker import CircuitBreaker, RedisUnavailable
from app.redis.shared_redis import SharedRedis
from app.streams.recording import Recording
from app.streams.redis.follower import MakeRecording, RecordingFollower
from app.streams.redis.keys import RENEW_SECONDS, RUNNING_TTL_SECONDS, lease_key, stops_key
from app.streams.redis.writer import KeptSeconds, RecordingWriter

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 1.0  # of a call: more than a limit may take, as one has up to half a megabyte
ROUND_SECONDS: Final = 0.05
FULL_ROUND_SECONDS: Final = 0.005  # if there was more to do than one call takes
FIND_ATTEMPTS: Final = 6  # one a round: a client may come back before its response is written
UNAVAILABLE_SECONDS: Final = 0.25  # between two attempts
RETRY_SECONDS: Final = 1  # Redis is probed that often
LAST_ROUNDS: Final = 40  # for what is not written when the gateway stops


class SharedRecordings:
    """Created by `Recordings`, which closes it. `redis` stays open.

    Has a circuit breaker of its own: what is slow here must not end the sharing of limits.
    """

    def __init__(
        self,
        redis: SharedRedis,
        make_recording: MakeRecording,
        kept_seconds: KeptSeconds,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = redis.client
        self._breaker = CircuitBreaker(redis.client, timeout_seconds, purpose="streams")
        self._gateway_id = secrets.token_hex(8)
        self._writer = RecordingWriter(self._gateway_id, kept_seconds)
        self._follower = RecordingFollower(make_recording)
        self._sleep = sleep
        self._has_work = asyncio.Event()
        self._renewed_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def is_degraded(self) -> bool:
        return self._breaker.is_open

    @property
    def readers(self) -> int:
        """Of recordings of other processes."""
        return self._follower.readers

    def add(self, recording: Recording) -> None:
        """Other gateways see it shortly."""
        self._writer.add(recording)
        self._begin_work()

    def remove(self, recording: Recording) -> None:
        """Other gateways lose it shortly, too."""
        self._writer.remove(recording)
        self._begin_work()

    def will_discard(self, recording: Recording) -> bool:
        """Its process keeps it no longer. False: there is nothing left to write of it."""
        if self.is_degraded:
            self._writer.forget(recording)
            return False
        return self._writer.will_discard(recording)

    async def find(self, recording_id: str, user_id: str) -> Recording | None:
        """That of another process. Raises `StreamsUnavailable`."""
        recording = self._follower.find(recording_id)
        if recording is not None:
            return recording if recording.info.user_id == user_id else None
        for attempt in range(FIND_ATTEMPTS):
            if attempt:
                await self._sleep(ROUND_SECONDS)
            try:
                recording = await self._breaker.call(
                    lambda: self._follower.follow(self._client, recording_id, user_id)
                )
            except RedisUnavailable:
                raise StreamsUnavailable(retry_after_seconds=RETRY_SECONDS) from None
            if recording is not None:
                self._begin_work()
                return recording
        return None

    async def stop(self, recording: Recording) -> None:
        """One of another process. Raises `StreamsUnavailable`."""
        recording_id = recording.info.recording_id
        key = stops_key(self._follower.gateway_of(recording_id))
        try:
            await self._breaker.call(lambda: self._push(key, recording_id))
        except RedisUnavailable:
            raise StreamsUnavailable(retry_after_seconds=RETRY_SECONDS) from None

    async def aclose(self) -> None:
        """Writes what has ended meanwhile."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(RedisUnavailable):
            for _ in range(LAST_ROUNDS):
                if self._writer.is_idle:
                    break
                await self._breaker.call(self._do_round)
            if self._task is not None:
                await self._breaker.call(lambda: self._client.delete(lease_key(self._gateway_id)))
        self._follower.close()
        await self._breaker.aclose()

    async def _push(self, key: str, recording_id: str) -> None:
        pipeline = self._client.pipeline(transaction=True)  # it never lives for ever
        pipeline.sadd(key, recording_id)
        pipeline.expire(key, RUNNING_TTL_SECONDS)
        await pipeline.execute()

    def _begin_work(self) -> None:
        self._has_work.set()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="share-recordings")

    async def _work(self) -> None:
        while True:
            await self._wait_for_work()
            try:
                await self._breaker.call(self._do_round)
            except RedisUnavailable:  # logged by the breaker
                self._follower.give_up_lost()
                self._writer.discard_forgotten()
                await self._sleep(UNAVAILABLE_SECONDS)
            except Exception:
                logger.exception("sharing recorded responses failed; it goes on")
                await self._sleep(UNAVAILABLE_SECONDS)
            else:
                is_full = self._writer.is_full or self._follower.is_full
                await self._sleep(FULL_ROUND_SECONDS if is_full else ROUND_SECONDS)

    async def _wait_for_work(self) -> None:
        """As long as ended responses are kept, Redis is looked at now and then: it may lose them."""
        if self._writer.is_idle and self._follower.is_idle:
            self._has_work.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS if self._writer.has_ended else None):
                    await self._has_work.wait()

    async def _do_round(self) -> None:
        is_renewal = time.monotonic() - self._renewed_at >= RENEW_SECONDS
        pipeline = self._client.pipeline(transaction=False)
        if is_renewal:
            self._follower.add_renewal(pipeline)
            self._writer.add_renewal(pipeline)
        self._writer.add_batch(pipeline)
        self._follower.add_reads(pipeline)
        results = _without_errors(await pipeline.execute(raise_on_error=False))
        try:
            if is_renewal:
                self._follower.take_renewal(results)
                self._writer.take_renewal(results)
                self._renewed_at = time.monotonic()
            self._writer.take_batch(results)
            self._follower.take_reads(results)
        except NoScriptError:  # Redis was restarted within this second
            self._renewed_at = float("-inf")


def _without_errors(results: list[Any]) -> Iterator[Any]:
    """Raises `RedisError` where one of them is one."""
    for result in results:
        if isinstance(result, Exception):
            raise result
        yield result
