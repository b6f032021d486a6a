"""What a client sends as media: bytes, text in base64, or a file that may be on disk."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Upload(Protocol):
    """A file that may be on disk."""

    async def copy_to(self, descriptor: int) -> None: ...


Source = bytes | str | Upload
"""A file, its base64 or data URI, or an upload."""
