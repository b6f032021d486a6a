import asyncio

import pytest

from app.errors import Overloaded
from app.media.sandbox.turns import Turn, Turns

pytestmark = pytest.mark.anyio


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_user_never_holds_the_last_place():
    turns = Turns(places=3, max_waiting=10)
    await turns.acquire("alice")
    await turns.acquire("alice")
    third = asyncio.create_task(turns.acquire("alice"))
    await settle()
    assert not third.done()
    await turns.acquire("bob")  # at once
    assert turns.running == 3
    third.cancel()


async def test_a_user_alone_has_one_place_even_when_there_is_only_one():
    turns = Turns(places=1, max_waiting=10)
    turn = await turns.acquire("alice")
    turns.release(turn)
    await turns.acquire("alice")


async def test_users_who_wait_take_turns():
    turns = Turns(places=1, max_waiting=10)
    order: list[str] = []
    first = await turns.acquire("carol")

    async def work(user_id: str) -> None:
        turn = await turns.acquire(user_id)
        order.append(user_id)
        turns.release(turn)

    tasks = [asyncio.create_task(work(user)) for user in ("alice", "alice", "alice", "bob", "bob")]
    await settle()
    assert turns.waiting == 5
    turns.release(first)
    await asyncio.gather(*tasks)
    assert order == ["alice", "bob", "alice", "bob", "alice"]
    assert turns.running == turns.waiting == 0


async def test_a_full_queue_says_when_to_come_back():
    now = 0.0
    turns = Turns(places=1, max_waiting=2, clock=lambda: now)
    for _ in range(60):  # each job takes four seconds
        turn = await turns.acquire("alice")
        now += 4.0
        turns.release(turn)
    running = await turns.acquire("alice")
    waiting = [asyncio.create_task(turns.acquire(user)) for user in ("bob", "carol")]
    await settle()
    with pytest.raises(Overloaded) as refusal:
        await turns.acquire("dave")
    assert refusal.value.retry_after_seconds == 8
    turns.release(running)
    for task in waiting:
        turns.release(await task)
    assert turns.running == 0


async def test_a_cancelled_wait_leaves_nothing():
    turns = Turns(places=1, max_waiting=1)
    running = await turns.acquire("alice")
    waiting = asyncio.create_task(turns.acquire("bob"))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert turns.waiting == 0
    turns.release(running)
    assert turns.running == 0


async def test_a_place_that_comes_with_the_cancellation_goes_to_the_next():
    turns = Turns(places=1, max_waiting=2)
    running = await turns.acquire("alice")
    cancelled = asyncio.create_task(turns.acquire("bob"))
    next_one = asyncio.create_task(turns.acquire("carol"))
    await settle()
    turns.release(running)  # bob's, who does not know it yet
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    turn: Turn = await next_one
    assert turns.running == 1
    turns.release(turn)
    assert turns.running == 0


async def test_a_wait_that_is_cancelled_just_before_a_place_is_free_is_passed_over():
    """Its future is cancelled at once, its task only runs afterwards."""
    turns = Turns(places=1, max_waiting=3)
    running = await turns.acquire("alice")
    cancelled = [asyncio.create_task(turns.acquire("bob")) for _ in range(2)]
    next_one = asyncio.create_task(turns.acquire("carol"))
    await settle()
    for task in cancelled:
        task.cancel()
    turns.release(running)
    for task in cancelled:
        with pytest.raises(asyncio.CancelledError):
            await task
    turns.release(await next_one)
    assert turns.running == turns.waiting == 0
