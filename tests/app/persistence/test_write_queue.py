"""The order of writers to SQLite, and how long they wait."""

import asyncio
from pathlib import Path

import pytest

from app.errors import DatabaseBusy, DatabaseUnavailable
from app.persistence.database import Database
from app.persistence.tables import UserRow
from app.persistence.write_queue import WriteQueue

pytestmark = pytest.mark.anyio


async def pass_through(queue: WriteQueue, *, refuse_when_busy: bool = False) -> None:
    async with queue.turn(refuse_when_busy=refuse_when_busy):
        pass


async def until_waiting(queue: WriteQueue, count: int) -> None:
    while queue.waiting < count:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0)


async def test_turns_are_in_the_order_of_arrival() -> None:
    queue = WriteQueue()
    order: list[int] = []

    async def take_turn(number: int) -> None:
        async with queue.turn():
            order.append(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks, queue.turn():
        for number in range(20):
            tasks.create_task(take_turn(number))
        await until_waiting(queue, 20)
        assert order == []
    assert order == list(range(20))


async def test_full_queue_refuses_at_once_with_refuse_when_busy() -> None:
    queue, may_end = WriteQueue(max_waiting=3), asyncio.Event()

    async def take_turn() -> None:
        async with queue.turn():
            await may_end.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(take_turn())
        await until_waiting(queue, 3)
        with pytest.raises(DatabaseBusy) as refusal:
            await pass_through(queue, refuse_when_busy=True)
        assert refusal.value.retry_after_seconds
        assert isinstance(refusal.value, DatabaseUnavailable)
        operator = tasks.create_task(take_turn())
        may_end.set()
        await operator
    assert queue.waiting == 0
    await pass_through(queue, refuse_when_busy=True)


@pytest.mark.parametrize("refuse_when_busy", [True, False])
async def test_long_wait_ends_with_an_error_and_leaves_the_queue(refuse_when_busy: bool) -> None:
    bound = {"max_wait_seconds" if refuse_when_busy else "longest_wait_seconds": 0.001}
    queue = WriteQueue(**bound)
    async with queue.turn():
        with pytest.raises(DatabaseBusy):
            await pass_through(queue, refuse_when_busy=refuse_when_busy)
        assert queue.waiting == 0
    await pass_through(queue)


async def test_cancelled_waiter_leaves_the_turn_to_others() -> None:
    queue = WriteQueue()
    async with queue.turn():
        waiter = asyncio.create_task(pass_through(queue))
        await until_waiting(queue, 1)
        waiter.cancel()
        await asyncio.wait([waiter])
    async with asyncio.timeout(5), queue.turn():
        assert queue.waiting == 0


async def test_writers_of_sqlite_wait_without_a_connection(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    async with database.session() as db_session:
        connection = await db_session.connection()
        await connection.run_sync(UserRow.metadata.create_all)
    names: list[str] = []

    async def add(number: int) -> None:
        async with database.session() as db_session:
            db_session.add(UserRow(id=f"usr_{number}", name=f"user{number}"))
            await db_session.flush()
            names.append(f"user{number}")

    async with asyncio.TaskGroup() as tasks:
        for number in range(50):  # more than there are connections
            tasks.create_task(add(number))
    assert names == [f"user{number}" for number in range(50)]
    await database.aclose()
