"""The body of a response that is small if its sender is sane."""

from collections.abc import AsyncIterable


async def read_bounded(pieces: AsyncIterable[bytes], max_bytes: int) -> bytes:
    """Stops at the piece that is too much. Raises `TRANSPORT_ERRORS`."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            break
    return bytes(body)
