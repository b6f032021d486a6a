import asyncio
import time
from collections.abc import Iterator

import pytest

from app.errors import Overloaded
from app.memory_budget import MAX_OVERTAKINGS, MAX_WAITING, PARTS, MemoryBudget, MemoryClaim

from .eventually import PATIENT_SECONDS, eventually

pytestmark = pytest.mark.anyio

TOTAL_BYTES = 8000  # of which arriving bodies have 1000, bodies 3000, media 4000
BODIES, MEDIA = 3000, 4000
DISK_BYTES = 500


@pytest.fixture
def budget() -> Iterator[MemoryBudget]:
    budget = MemoryBudget(TOTAL_BYTES, DISK_BYTES)
    yield budget
    assert budget.used_bytes == 0
    assert not any(share.waiting for share in budget.shares.values())


def claim(budget: MemoryBudget, seconds: float = PATIENT_SECONDS) -> MemoryClaim:
    return budget.claim(time.monotonic() + seconds)


async def test_closing_a_claim_releases_it(budget: MemoryBudget):
    with claim(budget) as held:
        assert held.try_to_buffer(10)
        await held.reserve_body(20)
        await held.reserve_media(30)
        assert budget.used_bytes == 60
    assert budget.used_bytes == 0
    held.close()
    assert budget.used_bytes == 0


async def test_the_shares_add_up_to_the_total():
    assert sum(PARTS.values()) == 1
    shares = MemoryBudget(2**30, 0).shares.values()
    assert sum(share.capacity_bytes for share in shares) <= 2**30


async def test_buffering_never_waits(budget: MemoryBudget):
    with claim(budget) as one, claim(budget) as other:
        assert one.try_to_buffer(900)
        assert not other.try_to_buffer(200)
        assert other.try_to_buffer(100)
        one.stop_buffering(900)
        assert other.try_to_buffer(800)


async def test_the_disk_has_a_separate_share(budget: MemoryBudget):
    with claim(budget) as one, claim(budget) as other:
        await one.reserve_media(MEDIA)
        assert one.try_to_spool(DISK_BYTES)
        assert not other.try_to_spool(1)


async def test_what_does_not_fit_waits_until_memory_is_released(budget: MemoryBudget):
    with claim(budget) as first, claim(budget) as second:
        await first.reserve_body(2000)
        waiting = asyncio.create_task(second.reserve_body(1001))
        await eventually(lambda: budget.shares["bodies"].waiting == 1)
        first.shrink("bodies", 1999)
        await waiting
        assert budget.used_bytes == BODIES


async def test_what_does_not_fit_by_the_deadline_is_refused(budget: MemoryBudget):
    with claim(budget) as first, claim(budget, seconds=0.01) as second:
        await first.reserve_media(MEDIA)
        with pytest.raises(Overloaded):
            await second.reserve_media(1)
        assert budget.used_bytes == MEDIA


async def test_a_claim_larger_than_the_share_waits_for_all_of_it(budget: MemoryBudget):
    with claim(budget) as large:
        await large.reserve_body(10 * TOTAL_BYTES)
        assert large.held_bytes("bodies") == budget.used_bytes == BODIES


async def test_bodies_do_not_use_the_share_of_media(budget: MemoryBudget):
    with claim(budget) as bodies, claim(budget) as media:
        await bodies.reserve_body(BODIES)
        await media.reserve_media(MEDIA)


async def test_a_request_that_holds_memory_must_not_wait_for_more(budget: MemoryBudget):
    with claim(budget) as held:
        await held.reserve_media(1)
        for reserve in (held.reserve_media, held.reserve_body):
            with pytest.raises(AssertionError):
                await reserve(1)


async def test_first_come_first_served(budget: MemoryBudget):
    served: list[int] = []

    async def reserve(number: int) -> None:
        with claim(budget) as held:
            await held.reserve_body(BODIES)
            served.append(number)

    with claim(budget) as first:
        await first.reserve_body(BODIES)
        tasks = [asyncio.create_task(reserve(number)) for number in range(5)]
        await eventually(lambda: budget.shares["bodies"].waiting == 5)
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2, 3, 4]


async def test_a_bounded_number_of_small_claims_passes_a_large_one(budget: MemoryBudget):
    share = budget.shares["bodies"]
    with claim(budget) as running, claim(budget) as large:
        await running.reserve_body(1000)
        waiting = asyncio.create_task(large.reserve_body(BODIES))
        await eventually(lambda: share.waiting == 1)
        for _ in range(MAX_OVERTAKINGS):
            with claim(budget) as small:
                await small.reserve_body(1)
        with claim(budget) as late:
            last = asyncio.create_task(late.reserve_body(1))
            await eventually(lambda: share.waiting == 2)
            running.close()
            await waiting
            assert not last.done()
            large.close()
            await last


async def test_a_cancelled_wait_does_not_block_the_queue(budget: MemoryBudget):
    share = budget.shares["bodies"]
    with claim(budget) as running, claim(budget) as gone, claim(budget) as next_one:
        await running.reserve_body(2000)
        cancelled = asyncio.create_task(gone.reserve_body(1500))
        waiting = asyncio.create_task(next_one.reserve_body(1500))
        await eventually(lambda: share.waiting == 2)
        cancelled.cancel()
        running.shrink("bodies", 1500)  # before the cancelled task has run
        await waiting
        assert await _was_cancelled(cancelled)
        assert share.used_bytes == BODIES


async def test_a_wait_cancelled_while_it_is_served_releases_its_memory(budget: MemoryBudget):
    share = budget.shares["bodies"]
    with claim(budget) as running, claim(budget) as gone:
        await running.reserve_body(BODIES)
        waiting = asyncio.create_task(gone.reserve_body(BODIES))
        await eventually(lambda: share.waiting == 1)
        running.close()
        waiting.cancel()
        assert await _was_cancelled(waiting)
        assert share.used_bytes == 0


async def test_the_queue_is_bounded(budget: MemoryBudget):
    share = budget.shares["media"]
    with claim(budget) as running, claim(budget) as refused:
        await running.reserve_media(MEDIA)
        claims = [claim(budget) for _ in range(MAX_WAITING)]
        tasks = [asyncio.create_task(held.reserve_media(1)) for held in claims]
        await eventually(lambda: share.waiting == MAX_WAITING)
        with pytest.raises(Overloaded):
            await refused.reserve_media(1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _was_cancelled(task: "asyncio.Task[None]") -> bool:
    await asyncio.wait([task])
    return task.cancelled()
