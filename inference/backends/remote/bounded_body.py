"""The body of a response that is small if its sender is sane."""

import httpx


async def read_bounded(response: httpx.Response, max_bytes: int) -> bytes:
    """Stops at the piece that is too much. Raises `TRANSPORT_ERRORS`."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_bytes:
            break
    return bytes(body)
