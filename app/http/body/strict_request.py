"""A request that reads its body within the memory of the process, and JSON strictly."""

from typing import Any

from fastapi import Request
from starlette.types import Message

from app import errors
from app.http.body.request_body import body_of
from app.http.body.strict_json import read_json_body
from app.record.request_record import record_of


class StrictRequest(Request):
    """Given to handlers by `GuardedRoute`."""

    async def body(self) -> bytes:
        """Of routes that take no media, which have small ones. Raises `Overloaded`."""
        if not hasattr(self, "_body"):
            memory = body_of(self.scope).memory
            whole = bytearray()
            with record_of(self.scope).phase("read body"):
                async for chunk in self.stream():
                    if not memory.try_to_buffer(len(chunk)):
                        raise errors.Overloaded
                    whole += chunk
            self._body = bytes(whole)
        return self._body

    async def json(self) -> Any:  # Any: what JSON holds
        """`5.0` is the integer 5: JSON has one kind of number, and some encoders write it so."""
        with record_of(self.scope).phase("read body"):
            receive = self._receive_again if hasattr(self, "_body") else self.receive
            parsed = await read_json_body(receive, body_of(self.scope))
        if not isinstance(parsed, dict):
            return parsed
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in parsed.items()
        }

    async def _receive_again(self) -> Message:
        """What `body` has read: FastAPI's handlers call it first."""
        return {"type": "http.request", "body": self._body}
