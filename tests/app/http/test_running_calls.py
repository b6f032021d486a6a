"""A call that is ended raises its error where it waits, and nothing of it is left."""

import asyncio
from collections.abc import Iterator

import pytest

from app.auth.principal import Principal
from app.errors import GatewayError, ShuttingDown, TokenRevoked
from app.http.running_calls import RunningCall, RunningCalls

pytestmark = pytest.mark.anyio

NEVER = "never"


@pytest.fixture
def calls() -> Iterator[RunningCalls]:
    calls = RunningCalls()
    yield calls
    assert len(calls) == 0


def make(user_id: str = "usr_1", *, ends_with_token: bool = True) -> RunningCall:
    return RunningCall(
        Principal(user_id, frozenset({"chat"}), "tok_1", 1, 2), ends_with_token=ends_with_token
    )


class Work:
    """What runs inside a call: waits for `may_go_on`, where the call may be interrupted or beside it."""

    def __init__(self, calls: RunningCalls, call: RunningCall, *, is_waiting: bool = True) -> None:
        self.calls = calls
        self.call = call
        self.is_waiting = is_waiting
        self.has_begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.raised: type[GatewayError] | None = None

    async def run(self) -> str:
        with self.calls.registered(self.call):
            if not self.is_waiting:
                self.has_begun.set()
                await self.may_go_on.wait()
            try:
                with self.call, self.call:
                    self.has_begun.set()
                    await self.may_go_on.wait()
            except GatewayError as error:
                self.raised = type(error)
                return "last words"
            return "whole"


async def test_waiting_call_ends_at_once_and_may_say_last_words(calls: RunningCalls) -> None:
    work = Work(calls, make())
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_revoked(lambda principal: principal.user_id == "usr_1")
    assert await task == "last words"
    assert work.raised is TokenRevoked
    assert task.cancelling() == 0


async def test_call_that_is_sending_ends_where_it_waits_next(calls: RunningCalls) -> None:
    work = Work(calls, make(), is_waiting=False)
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_all(ShuttingDown)
    work.may_go_on.set()
    assert await task == "last words"
    assert work.raised is ShuttingDown


async def test_call_whose_client_does_not_read_is_cut(
    calls: RunningCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.http.running_calls.UNREAD_SECONDS", 0.001)
    work = Work(calls, make(), is_waiting=False)
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_all(ShuttingDown)
    with pytest.raises(ShuttingDown):
        await task
    assert work.raised is None


async def test_only_those_who_are_revoked_end(calls: RunningCalls) -> None:
    work, others = Work(calls, make()), Work(calls, make("usr_2"))
    tasks = [asyncio.create_task(one.run()) for one in (work, others)]
    await work.has_begun.wait()
    await others.has_begun.wait()
    calls.end_revoked(lambda principal: principal.user_id == "usr_1")
    assert await tasks[0] == "last words"
    assert len(calls) == 1
    others.may_go_on.set()
    assert await tasks[1] == "whole"


async def test_call_that_revokes_its_own_token_is_not_ended_by_it(calls: RunningCalls) -> None:
    work = Work(calls, make(ends_with_token=False))
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_revoked(lambda principal: True)
    work.may_go_on.set()
    assert await task == "whole"


async def test_call_that_comes_while_all_end_ends_too(calls: RunningCalls) -> None:
    calls.end_all(ShuttingDown)
    work = Work(calls, make())
    assert await work.run() == "last words"
    assert work.raised is ShuttingDown


async def test_first_error_counts(calls: RunningCalls) -> None:
    work = Work(calls, make())
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_revoked(lambda principal: True)
    calls.end_all(ShuttingDown)
    assert await task == "last words"
    assert work.raised is TokenRevoked


async def test_cancellation_by_another_is_not_taken_for_ours(calls: RunningCalls) -> None:
    work = Work(calls, make())
    task = asyncio.create_task(work.run())
    await work.has_begun.wait()
    calls.end_all(ShuttingDown)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_timeout_around_a_call_that_ends_is_a_timeout(calls: RunningCalls) -> None:
    """Both at the same time: the outer one counts, as with `asyncio.timeout` itself."""
    work = Work(calls, make())

    async def run() -> None:
        async with asyncio.timeout(None) as timer:
            work.has_begun.clear()
            loop = asyncio.get_running_loop()
            loop.call_soon(
                lambda: (timer.reschedule(loop.time()), loop.call_soon(calls.end_all, ShuttingDown))
            )
            await work.run()

    with pytest.raises(TimeoutError):
        await run()


async def test_error_of_the_work_itself_leaves_nothing_behind(calls: RunningCalls) -> None:
    call = make()
    with pytest.raises(ZeroDivisionError), calls.registered(call), call:
        raise ZeroDivisionError
