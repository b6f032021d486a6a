import pytest

from app.limits.memory.window import MemoryWindowStorage

from ..conftest import FakeClock

pytestmark = pytest.mark.anyio


async def test_expired_keys_leave_while_others_are_used(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    for number in range(50):
        assert await storage.acquire_entry(f"user-{number}", 10, 60)
    assert len(storage) == 50
    clock.advance(61)
    for _ in range(50):
        assert await storage.acquire_entry("busy", 100, 60)
    assert len(storage) == 1


async def test_the_number_of_keys_is_bounded(clock: FakeClock):
    storage = MemoryWindowStorage(clock, max_keys=5)
    for number in range(20):
        await storage.acquire_entry(f"user-{number}", 10, 60)
    assert len(storage) == 5
    assert await storage.get("user-19") == 1
    assert await storage.get("user-0") == 0


async def test_a_clock_set_back_does_not_block(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    assert await storage.acquire_entry("key", 1, 60)
    clock.advance(-3600)
    assert await storage.acquire_entry("key", 1, 60)


async def test_several_entries_fit_or_none_is_taken(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    assert not await storage.acquire_entry("key", 2, 60, amount=3)
    assert len(storage) == 0
    assert await storage.acquire_entry("key", 2, 60, amount=2)
    assert await storage.get_moving_window("key", 2, 60) == (clock.now, 2)


async def test_giving_back_what_has_expired_does_nothing(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    entered_at = clock.now
    await storage.acquire_entry("key", 2, 60)
    clock.advance(61)
    await storage.acquire_entry("key", 2, 60)
    await storage.give_back("key", entered_at)
    await storage.give_back("another", entered_at)
    assert await storage.get("key") == 1


async def test_a_key_without_entries_is_not_kept(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    await storage.acquire_entry("key", 2, 60)
    await storage.give_back("key", clock.now)
    assert len(storage) == 0
    await storage.acquire_entry("key", 2, 60)
    clock.advance(61)
    assert await storage.get_moving_window("key", 2, 60) == (clock.now, 0)
    assert len(storage) == 0


async def test_expiry_clear_and_reset_serve_the_package(clock: FakeClock):
    storage = MemoryWindowStorage(clock)
    await storage.acquire_entry("key", 2, 60)
    assert await storage.get_expiry("key") == clock.now + 60
    await storage.clear("key")
    assert await storage.get("key") == 0
    await storage.acquire_entry("key", 2, 60)
    assert await storage.reset() == 1
    assert await storage.check()
