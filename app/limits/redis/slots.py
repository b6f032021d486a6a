"""Slots of running requests and tokens of the day in Redis: one atomic step to admit, one to release.

A slot is a lease. It is renewed while its request runs, and ends by itself when its process dies.
"""

import asyncio
import random
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from app.limits.daily_tokens import (
    SECONDS_A_DAY,
    StoreUsage,
    TokensUsedToday,
    no_usage_to_store,
    read_tokens_used,
)
from app.limits.recount import Recount
from app.limits.redis.joined_commands import JoinedCommands
from app.limits.redis.keys import user_key
from app.limits.redis.lua_script import LuaScript
from app.limits.redis.window import state_of, window_key
from app.limits.request_window import WINDOW_SECONDS, WindowState
from app.redis.circuit_breaker import RedisUnavailable, Sleep
from app.redis.shared_redis import SharedRedis
from app.user_limits import UserLimits

LEASE_SECONDS = 30
RENEW_SECONDS = LEASE_SECONDS / 3
KEY_TTL_SECONDS = 2 * LEASE_SECONDS
NO_QUOTA = -1
NOT_READ = -1


class Taking(IntEnum):
    """What admit.lua returns first."""

    TAKEN = 0
    NO_SLOT = 1
    NO_TOKENS = 2
    USE_UNKNOWN = 3  # the counter of the day does not exist: read the usage table, then take again
    WINDOW_FULL = 4


class Slot:
    """Of one request. `day` counts from 1970-01-01 UTC; it stays that of the admission past midnight.

    `keys` are those of the slots, the reserved tokens and the used tokens, as the scripts take them.
    """

    __slots__ = ("keys", "limits", "slot_id", "user_id")

    def __init__(self, user_id: str, limits: UserLimits, day: int) -> None:
        self.user_id = user_id
        self.limits = limits
        self.slot_id = f"{random.getrandbits(64):016x}"  # no secret
        self.keys = (
            user_key(user_id, "slots"),
            user_key(user_id, f"reserved:{day}"),
            used_key(user_id, day),
        )

    @property
    def window(self) -> str:
        return self.limits.window_of(self.user_id)


def used_key(user_id: str, day: int) -> str:
    return user_key(user_id, f"used:{day}")


class RedisSlots:
    """Created by `RedisLimiter`, which closes it. Every method may raise `RedisUnavailable`."""

    def __init__(
        self,
        redis: SharedRedis,
        commands: JoinedCommands,
        tokens_used_today: TokensUsedToday,
        store_usage: StoreUsage = no_usage_to_store,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = redis.client
        self._breaker = redis.breaker
        self._tokens_used_today = tokens_used_today
        self._clock = clock
        self._sleep = sleep
        self._admit = LuaScript(commands, "admit", "window")
        self._release = LuaScript(commands, "release_slot")
        self._raise_used = LuaScript(commands, "raise_used")
        self._recount = Recount(self._correct, tokens_used_today, store_usage, clock, sleep)
        self._counted: set[str] = set()  # users with a quota, since Redis was unavailable
        self._held: dict[str, Slot] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def admit(self, slot: Slot, entered_at: float) -> tuple[Taking, WindowState]:
        """Takes the slot and enters the user's window at that time (Unix seconds), which also is the time of
        the slot. Changes nothing when it cannot. Also returns the window as it is then."""
        taking, _, count, oldest = await self._take(slot, 0, entered_at, is_entering=True)
        return taking, state_of(entered_at, slot.limits.requests_per_minute, count, oldest)

    async def reserve(self, slot: Slot, tokens: int) -> tuple[Taking, int]:
        """Keeps the slot or takes it again, and sets its reservation. Changes nothing when it cannot.

        Also returns the tokens of today that neither are used nor belong to other slots, with a quota.
        """
        taking, left, _, _ = await self._take(slot, tokens, self._clock(), is_entering=False)
        return taking, left

    async def _take(
        self, slot: Slot, tokens: int, now: float, *, is_entering: bool
    ) -> tuple[Taking, int, int, bytes | None]:
        """Returns what admit.lua does."""
        taken = await self._try_to_take(slot, tokens, now, NOT_READ, is_entering=is_entering)
        if taken[0] is Taking.USE_UNKNOWN:
            used_before = await read_tokens_used(self._tokens_used_today, slot.user_id)
            if used_before is None:
                self.note_uncounted(slot.user_id)
            taken = await self._try_to_take(slot, tokens, now, used_before or 0, is_entering=is_entering)
        if taken[0] is Taking.TAKEN:
            self._held[slot.slot_id] = slot
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._renew_leases(), name="renew-leases")
        return taken

    async def release(self, slot: Slot, tokens_used: int) -> None:
        """May follow a `take` that was interrupted: a slot that does not exist is not an error."""
        self._held.pop(slot.slot_id, None)
        try:
            await self._run(self._release, *slot.keys, slot_id=slot.slot_id, tokens_used=tokens_used)
        except RedisUnavailable:
            if tokens_used:  # whether there is a quota or not: this process may not know of a new one yet
                self.note_uncounted(slot.user_id)
            raise

    def note_uncounted(self, user_id: str) -> None:
        """The counter of the day is to be raised to what the usage table says."""
        self._recount.note([user_id])

    async def aclose(self) -> None:
        await self._recount.aclose()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    async def _try_to_take(
        self, slot: Slot, tokens: int, now: float, used_before: int, *, is_entering: bool
    ) -> tuple[Taking, int, int, bytes | None]:
        limits = slot.limits
        if limits.daily_tokens is not None:
            self._counted.add(slot.user_id)
        taking, left, count, oldest = await self._run(
            self._admit,
            *slot.keys,
            window_key(slot.window, limits.requests_per_minute),
            slot_id=slot.slot_id,
            now=repr(now),
            lease_end=now + LEASE_SECONDS,
            latest_lease_end=now + 2 * LEASE_SECONDS,  # clocks of two gateways may be a lease apart
            slots_ttl=KEY_TTL_SECONDS,
            used_ttl=2 * SECONDS_A_DAY,
            concurrent_requests=limits.concurrent_requests,
            daily_tokens=NO_QUOTA if limits.daily_tokens is None else limits.daily_tokens,
            tokens=tokens,
            used_before=used_before,
            is_entering=int(is_entering),
            requests=limits.requests_per_minute,
            seconds=WINDOW_SECONDS,
        )
        return Taking(taking), left, count, oldest

    async def _run(self, script: LuaScript, *keys: str, **arguments: str | float) -> Any:
        """Returns what the script does. A Redis that fails may also have lost its last writes."""
        try:
            return await script.run(*keys, **arguments)
        except RedisUnavailable:
            self._recount.note(self._counted)
            self._counted.clear()
            raise

    async def _correct(self, user_id: str, day: int, used: int) -> None:
        key = used_key(user_id, day)
        await self._raise_used.run(key, tokens=used)

    async def _renew_leases(self) -> None:
        while True:
            await self._sleep(RENEW_SECONDS)
            try:
                await self._breaker.call(self._renew_all)
            except RedisUnavailable:
                continue  # logged by the breaker; leases are renewed if Redis is back in time

    async def _renew_all(self) -> None:
        lease_end = self._clock() + LEASE_SECONDS
        pipeline = self._client.pipeline(transaction=False)
        for slot in self._held.values():
            slots_key, reserved_key, _ = slot.keys
            # xx: a slot released meanwhile must not come back
            pipeline.zadd(slots_key, {slot.slot_id: lease_end}, xx=True)
            pipeline.expire(slots_key, KEY_TTL_SECONDS)
            pipeline.expire(reserved_key, KEY_TTL_SECONDS)
        await pipeline.execute()
