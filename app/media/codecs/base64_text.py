"""Base64 and data URIs as clients send them."""

import binascii
import re
from typing import Final

from app.errors import BodyTooLarge, InvalidMedia

NOT_BASE64: Final = "This is not base64: use the standard alphabet with padding."
NOT_FETCHED: Final = "Addresses are not fetched. Send the file itself: data:image/jpeg;base64,..."

DATA_URI: Final = re.compile(rb"data:[\w.+-]*/?[\w.+-]*(?:;[\w.+-]+=[\w.+-]*)*;base64,", re.IGNORECASE)
MAX_PREFIX_BYTES: Final = 200


def decode_base64(text: bytes, max_bytes: int) -> bytes:
    """Returns the bytes of base64 or of a data URI; the type that a URI declares is not read.

    Raises `InvalidMedia`, and `BodyTooLarge` before anything is allocated.
    """
    beginning = text[:MAX_PREFIX_BYTES]
    if beginning.lower().startswith((b"http://", b"https://")):
        raise InvalidMedia(NOT_FETCHED)
    data_uri = DATA_URI.match(beginning)
    start = data_uri.end() if data_uri else 0
    if is_too_long(len(text) - start, max_bytes):
        raise BodyTooLarge
    try:
        # Android's default encoder breaks lines.
        data = binascii.a2b_base64(text[start:].translate(None, b"\r\n"), strict_mode=True)
    except ValueError as error:
        raise InvalidMedia(NOT_BASE64) from error
    if len(data) > max_bytes:
        raise BodyTooLarge
    return data


def is_too_long(characters: int, max_bytes: int) -> bool:
    """Whether base64 of that length stands for more than `max_bytes`, whatever its padding."""
    return characters * 3 // 4 - 2 > max_bytes  # padding may stand for two bytes
