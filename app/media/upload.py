"""What a client sends as media: bytes, text in base64, or a file that may be on disk."""

from typing import Final, Protocol, runtime_checkable

FILE_CHARACTERS: Final = 200_000  # of base64 in JSON: a longer string is a file


@runtime_checkable
class Upload(Protocol):
    """A file that may be on disk."""

    async def copy_to(self, descriptor: int) -> None: ...


Source = bytes | str | Upload
"""A file, its base64 or data URI, or an upload."""
