"""What waits to be sent, and how much of it may."""

import asyncio

import pytest

from app.telemetry.outbox import BATCH_BYTES, Outbox

pytestmark = pytest.mark.anyio


async def test_full_outbox_drops_what_comes_and_keeps_what_waits() -> None:
    outbox = Outbox(max_bytes=10)
    for trace in (b"first", b"other", b"later"):
        outbox.put(trace)
    assert outbox.is_full
    assert outbox.dropped == 1
    assert outbox.take() == [b"first", b"other"]
    assert not outbox.is_full


async def test_batches_are_bounded_and_in_order() -> None:
    outbox = Outbox()
    traces = [bytes([number]) * (BATCH_BYTES // 4) for number in range(6)]
    for trace in traces:
        outbox.put(trace)
    assert outbox.take() + outbox.take() + outbox.take() == traces


async def test_what_is_put_back_goes_first_and_counts_again() -> None:
    outbox = Outbox(max_bytes=10)
    outbox.put(b"12345")
    batch = outbox.take()
    outbox.put(b"67890")
    outbox.put_back(batch)
    assert outbox.is_full
    assert outbox.take() == [b"12345", b"67890"]


async def test_waiting_ends_when_something_is_there_and_not_before() -> None:
    outbox = Outbox()
    waiter = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    outbox.put(b"1")
    await waiter
    outbox.take()
    waiter = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiter.done()
    outbox.put_back([b"1"])
    await waiter
