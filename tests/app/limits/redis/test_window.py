from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.limits.daily_tokens import day_of, no_tokens_used
from app.limits.redis.joined_commands import JoinedCommands
from app.limits.redis.slots import RedisSlots, Slot, Taking
from app.limits.redis.window import RedisWindow
from app.limits.request_window import WindowState
from app.redis.shared_redis import SharedRedis
from app.user_limits import UserLimits

from ..conftest import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


class Window(RedisWindow):
    """Which is entered as requests enter it, with slots enough."""

    def __init__(self, redis: SharedRedis, commands: JoinedCommands) -> None:
        super().__init__(commands)
        self._slots = RedisSlots(redis, commands, no_tokens_used)

    async def enter(self, user_id: str, limit: int, now: float) -> tuple[bool, WindowState]:
        taking, state = await self._slots.admit(Slot(user_id, UserLimits(limit, 1000), day_of(now)), now)
        assert taking in (Taking.TAKEN, Taking.WINDOW_FULL)
        return taking is Taking.TAKEN, state

    async def aclose(self) -> None:
        await self._slots.aclose()


@pytest.fixture
async def window(redis: SharedRedis, commands: JoinedCommands) -> AsyncIterator[Window]:
    window = Window(redis, commands)
    yield window
    await window.aclose()


async def test_state_counts_the_requests_of_a_minute_and_spends_none(window: Window, clock: FakeClock):
    assert await window.state("usr_a", 3, clock.now) == WindowState(3, 3, 60)
    assert await window.enter("usr_a", 3, clock.now) == (True, WindowState(3, 2, 60))
    clock.advance(20)
    assert await window.enter("usr_a", 3, clock.now) == (True, WindowState(3, 1, 40))
    for _ in range(2):
        assert await window.state("usr_a", 3, clock.now) == WindowState(3, 1, 40)
    clock.advance(40.5)
    assert await window.state("usr_a", 3, clock.now) == WindowState(3, 2, 20)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
async def test_a_full_window_is_full_and_no_sooner(window: Window, clock: FakeClock, limit: int):
    for number in range(limit):
        clock.advance(0.001)
        assert await window.enter("usr_a", limit, clock.now) == (
            True,
            WindowState(limit, limit - number - 1, 60),
        )
    assert await window.enter("usr_a", limit, clock.now) == (False, WindowState(limit, 0, 60))


async def test_a_limit_of_zero_refuses(window: Window, redis_client: Redis, clock: FakeClock):
    assert await window.enter("usr_a", 0, clock.now) == (False, WindowState(0, 0, 60))
    assert await redis_client.keys() == []


async def test_one_of_several_requests_of_the_same_time_is_given_back(window: Window, clock: FakeClock):
    for _ in range(3):
        await window.enter("usr_a", 3, clock.now)
    await window.give_back("usr_a", 3, clock.now)
    assert (await window.state("usr_a", 3, clock.now)).remaining == 1


async def test_giving_back_what_has_expired_does_nothing(window: Window, clock: FakeClock):
    entered_at = clock.now
    await window.enter("usr_a", 2, clock.now)
    clock.advance(61)
    await window.enter("usr_a", 2, clock.now)
    await window.give_back("usr_a", 2, entered_at)
    await window.give_back("usr_b", 2, entered_at)
    assert (await window.state("usr_a", 2, clock.now)).remaining == 1


async def test_a_list_is_no_longer_than_the_limit(window: Window, redis_client: Redis, clock: FakeClock):
    for _ in range(5):
        assert (await window.enter("usr_a", 2, clock.now))[0]
        clock.advance(31)
    (key,) = await redis_client.keys("*requests*")
    assert await redis_client.llen(key) == 2


async def test_limit_holds_where_the_clocks_of_two_gateways_differ(window: Window, clock: FakeClock):
    entered = 0
    for number in range(40):
        clock.advance(1)
        behind = 55 if number % 2 else 0
        has_entered, _ = await window.enter("usr_a", 10, clock.now - behind)
        entered += has_entered
        if number == 19:
            assert entered == 10, "of 20 requests within 20 seconds"
