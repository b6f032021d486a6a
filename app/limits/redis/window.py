"""The moving window's entries in Redis: the `limits` package's storage, able to give one back.

The entries are a list under the window's key, newest first; the package's scripts do the counting.
"""

import time
from collections.abc import Callable

from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

KEY_PREFIX = "gateway:limits"

# The package pushes Lua numbers, whose text differs between versions of Redis: compare as numbers.
_GIVE_BACK = """
local entered_at = tonumber(ARGV[1])
local index = 0
while true do
    local entry = redis.call('lindex', KEYS[1], index)
    if not entry then return 0 end
    if tonumber(entry) == entered_at then
        return redis.call('lrem', KEYS[1], 1, entry)
    end
    index = index + 1
end
"""


# Entries are Unix seconds, newest first. One from the future means that the clock was set back; it must not
# block for hours. Clocks of two gateways may be a window apart. Before the package's own scripts.
_DROP_FUTURE = b"""
do
    local latest = tonumber(ARGV[#ARGV])
    local entry = redis.call('lindex', KEYS[1], 0)
    while entry and tonumber(entry) > latest do
        redis.call('lpop', KEYS[1])
        entry = redis.call('lindex', KEYS[1], 0)
    end
end
"""


class RedisWindowStorage(RedisStorage):
    """Shares the client's connections; whoever opened the client closes it."""

    def __init__(self, client: Redis, clock: Callable[[], float] = time.time) -> None:
        super().__init__(
            "async+redis://",
            implementation="redispy",
            key_prefix=KEY_PREFIX,
            connection_pool=client.connection_pool,  # type: ignore[arg-type]  # annotated too narrowly
        )
        self._clock = clock
        self._acquire = client.register_script(_DROP_FUTURE + self.bridge.SCRIPT_ACQUIRE_MOVING_WINDOW)
        self._window = client.register_script(_DROP_FUTURE + self.bridge.SCRIPT_MOVING_WINDOW)
        self._give_back = client.register_script(_GIVE_BACK)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return await self.acquire_entry_at(self._clock(), key, limit, expiry, amount)

    async def acquire_entry_at(self, now: float, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        keys = [self.bridge.prefixed_key(key)]
        return bool(await self._acquire(keys, [now, limit, expiry, amount, now + expiry]))

    async def give_back(self, key: str, entered_at: float) -> None:
        """Takes one entry made at `entered_at` out again; does nothing when it has expired."""
        await self._give_back([self.bridge.prefixed_key(key)], [entered_at])

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        window = await self._window([self.bridge.prefixed_key(key)], [now - expiry, limit, now + expiry])
        return (float(window[0]), int(window[1])) if window else (now, 0)
