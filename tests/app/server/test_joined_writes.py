"""What is written in one turn of the event loop leaves at once, in its order, and none of it is lost."""

import asyncio

import pytest

from app.server.joined_writes import MAX_HELD_BYTES, JoinedWrites

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """Notes what would have been sent, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def transport(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())


async def test_head_and_body_are_one_piece(transport: JoinedWrites, wire: Wire) -> None:
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.pieces == []
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body"]


async def test_flush_does_not_wait_for_the_end_of_the_turn(transport: JoinedWrites, wire: Wire) -> None:
    transport.write(b"head ")
    transport.write(b"body")
    transport.flush()
    assert wire.pieces == [b"head body"]
    await asyncio.sleep(0)
    assert wire.pieces == [b"head body"]


async def test_events_of_different_turns_are_not_held_back(transport: JoinedWrites, wire: Wire) -> None:
    for event in (b"one", b"two"):
        transport.write(event)
        await asyncio.sleep(0)
    assert wire.pieces == [b"one", b"two"]


async def test_no_more_than_the_bound_is_held(transport: JoinedWrites, wire: Wire) -> None:
    transport.write(b"head")
    transport.write(bytes(MAX_HELD_BYTES))
    assert sum(map(len, wire.pieces)) == MAX_HELD_BYTES + 4
    await asyncio.sleep(0)
    assert len(wire.pieces) == 1


async def test_closing_sends_what_is_held_first(transport: JoinedWrites, wire: Wire) -> None:
    transport.write(b"last words")
    transport.close()
    assert (wire.pieces, transport.is_closing()) == ([b"last words"], True)


async def test_nothing_is_sent_after_an_abort(transport: JoinedWrites, wire: Wire) -> None:
    transport.write(b"too late")
    transport.abort()
    await asyncio.sleep(0)
    assert wire.pieces == []
