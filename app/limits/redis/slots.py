"""Slots of running requests and tokens of the day in Redis: one atomic step to take, one to release.

A slot is a lease. It is renewed while its request runs, and runs out when its process dies.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from redis.asyncio import Redis

from app.limits.daily_tokens import SECONDS_A_DAY, TokensUsedToday, read_tokens_used
from app.limits.policy import LimitPolicy
from app.limits.redis.circuit_breaker import CircuitBreaker, RedisAway, Sleep
from app.limits.redis.window import KEY_PREFIX

LEASE_SECONDS = 30
RENEW_SECONDS = LEASE_SECONDS / 3
KEY_TTL_SECONDS = 2 * LEASE_SECONDS

# Both scripts take one user's keys: slots (sorted set: slot id -> Unix seconds at which its lease
# ends), reserved (hash: slot id -> tokens) and used (counter of the day).

# A lease that ends later than any that is taken now was taken before the clock was set back: who holds
# it renews it, who is dead would keep it for as long as the clock was set back.

# ARGV: slot id, now, end of lease, seconds that the first two keys live, concurrent requests, daily
# tokens (-1: no quota), tokens to reserve, tokens used as the usage table has it (-1: not asked),
# seconds that the counter lives, latest end of a lease. Answers a `Taking`.
_TAKE = """
local id, concurrent, daily = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6])
local tokens, used_before = tonumber(ARGV[7]), tonumber(ARGV[8])

for _, dead in ipairs(redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[2])) do
    redis.call('zrem', KEYS[1], dead)
    redis.call('hdel', KEYS[2], dead)
end
for _, stale in ipairs(redis.call('zrangebyscore', KEYS[1], '(' .. ARGV[10], '+inf')) do
    redis.call('zrem', KEYS[1], stale)
    redis.call('hdel', KEYS[2], stale)
end

local is_held = redis.call('zscore', KEYS[1], id)
if not is_held and redis.call('zcard', KEYS[1]) >= concurrent then return 1 end

if daily >= 0 then
    if used_before >= 0 then
        redis.call('set', KEYS[3], ARGV[8], 'EX', ARGV[9], 'NX')
    end
    local used = redis.call('get', KEYS[3])
    if not used then return 3 end
    local left = daily - tonumber(used)
    local reserved = redis.call('hgetall', KEYS[2])
    for i = 1, #reserved, 2 do
        if reserved[i] ~= id then left = left - tonumber(reserved[i + 1]) end
    end
    if left <= 0 or tokens > left then return 2 end
end

redis.call('zadd', KEYS[1], ARGV[3], id)
redis.call('expire', KEYS[1], ARGV[4])
if tokens > 0 then
    redis.call('hset', KEYS[2], id, tokens)
    redis.call('expire', KEYS[2], ARGV[4])
end
return 0
"""

# ARGV: slot id, tokens used. A counter that is gone is not begun anew: the usage table knows.
_RELEASE = """
redis.call('zrem', KEYS[1], ARGV[1])
redis.call('hdel', KEYS[2], ARGV[1])
if tonumber(ARGV[2]) > 0 and redis.call('exists', KEYS[3]) == 1 then
    redis.call('incrby', KEYS[3], ARGV[2])
end
return 0
"""


class Taking(IntEnum):
    TAKEN = 0
    NO_SLOT = 1
    NO_TOKENS = 2
    USE_UNKNOWN = 3  # the day's counter is not there: ask the usage table, then again


@dataclass(frozen=True, slots=True)
class Slot:
    """`day` counts from 1970-01-01 UTC; it stays that of the admission past midnight."""

    user_id: str
    policy: LimitPolicy
    day: int
    slot_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def keys(self) -> list[str]:
        prefix = f"{KEY_PREFIX}:{{{self.user_id}}}"  # braces: one shard in a cluster
        return [f"{prefix}:slots", f"{prefix}:reserved:{self.day}", f"{prefix}:used:{self.day}"]


class RedisSlots:
    """Created by `RedisLimiter`, which closes it. Every method may raise `RedisAway`."""

    def __init__(
        self,
        client: Redis,
        breaker: CircuitBreaker,
        tokens_used_today: TokensUsedToday,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._tokens_used_today = tokens_used_today
        self._clock = clock
        self._sleep = sleep
        self._take = client.register_script(_TAKE)
        self._release = client.register_script(_RELEASE)
        self._held: dict[str, Slot] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, slot: Slot, tokens: int) -> Taking:
        """Takes the slot or keeps it, and sets its reservation; changes nothing when it cannot."""
        taking = await self._try_to_take(slot, tokens, used_before=-1)
        if taking is Taking.USE_UNKNOWN:
            used_before = await read_tokens_used(self._tokens_used_today, slot.user_id)
            taking = await self._try_to_take(slot, tokens, used_before)
        if taking is Taking.TAKEN:
            self._held[slot.slot_id] = slot
            if self._renewing is None:
                self._renewing = asyncio.create_task(self._renew_leases(), name="renew-leases")
        return taking

    async def release(self, slot: Slot, tokens_used: int) -> None:
        """Also after a `take` that was interrupted: what does not exist is not released."""
        self._held.pop(slot.slot_id, None)
        await self._breaker.call(lambda: self._release(keys=slot.keys, args=[slot.slot_id, tokens_used]))

    async def aclose(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    async def _try_to_take(self, slot: Slot, tokens: int, used_before: int) -> Taking:
        now, policy = self._clock(), slot.policy
        arguments: list[str | float] = [
            slot.slot_id,
            now,
            now + LEASE_SECONDS,
            KEY_TTL_SECONDS,
            policy.concurrent_requests,
            -1 if policy.daily_tokens is None else policy.daily_tokens,
            tokens,
            used_before,
            2 * SECONDS_A_DAY,
            now + 2 * LEASE_SECONDS,  # clocks of two gateways may be a lease apart
        ]
        return Taking(await self._breaker.call(lambda: self._take(keys=slot.keys, args=arguments)))

    async def _renew_leases(self) -> None:
        while True:
            await self._sleep(RENEW_SECONDS)
            try:
                await self._breaker.call(self._renew_all)
            except RedisAway:
                continue  # said by the breaker; leases are renewed when Redis is back in time

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
