"""A body that is read to its end before its route runs, and then given to the route as if it arrived."""

import asyncio
from typing import Final

from starlette.types import Message

from app.http.body.body_digest import BodyDigest
from app.http.body.request_body import RequestBody
from app.http.body.spooled_file import MAX_BYTES_IN_MEMORY
from app.limits.upload_slots import UploadSlots

SLICE_BYTES: Final = 16 * 1024  # examined at once: other requests have their turn in between
PIECE_BYTES: Final = 256 * 1024  # given to the route at once


class KeptBody:
    """In memory or on disk, like an uploaded file; closed with the request. Used by one task."""

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self._file = body.new_file()
        self._position = 0
        self._is_given = False

    async def read(self, digest: BodyDigest, slots: UploadSlots, user_id: str, max_slots: int) -> None:
        """A body that does not fit in memory takes one of the user's slots until it has arrived.

        Raises what `RequestBody.receive` and `BodyDigest.update` raise, `ClientDisconnect`, `StorageFull`
        and `ConcurrencyLimitExceeded`.
        """
        with slots.claim(user_id, max_slots) as slot:
            async for chunk in self._body.stream():
                await self._file.write(chunk)
                if self._file.size > MAX_BYTES_IN_MEMORY:
                    slot.take()
                for start in range(0, len(chunk), SLICE_BYTES):
                    async with self._body.turns:
                        digest.update(chunk[start : start + SLICE_BYTES])
                    await asyncio.sleep(0)

    async def receive(self) -> Message:
        """As ASGI has it: the body in pieces, then whatever the connection has to say."""
        if self._is_given:
            return await self._body.receive()
        piece = await self._file.read_piece(self._position, PIECE_BYTES)
        self._position += len(piece)
        self._is_given = self._position == self._file.size
        if self._is_given:
            self._file.close()
        return {"type": "http.request", "body": piece, "more_body": not self._is_given}
