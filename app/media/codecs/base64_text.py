"""Base64 and data URIs as clients send them."""

import binascii
import re
from typing import Final

from app.errors import BodyTooLarge, InvalidMedia
from app.sentence import Sentence

NOT_BASE64: Final = "This is not base64."
NOT_BASE64_URI: Final = Sentence(
    "This data URI does not say that it is base64. Write it as data:image/jpeg;base64,..."
)
NOT_FETCHED: Final = Sentence("Addresses are not fetched. Send the file itself: data:image/jpeg;base64,...")

MAX_PREFIX_BYTES: Final = 200
_DATA_URI: Final = re.compile(rb"data:[^,]*;base64,", re.IGNORECASE)
_ADDRESS: Final = re.compile(rb"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")  # from the one for URLs
_LINE_BREAKS: Final = b"\r\n"  # Android's default encoder makes them


def decode_base64(text: bytes, max_bytes: int) -> bytes:
    """Returns the bytes of base64 or of a data URI; the type that a URI declares is not read.

    Both alphabets are taken, the standard one and that for URLs, with padding and without.

    Raises `InvalidMedia`, and `BodyTooLarge` before anything is allocated.
    """
    start = prefix_length(text[:MAX_PREFIX_BYTES])
    if is_too_long(len(text) - start, max_bytes):
        raise BodyTooLarge
    try:
        data = decode_quantums(standard(text[start:]))
    except ValueError as error:
        raise InvalidMedia(NOT_BASE64) from error
    if len(data) > max_bytes:
        raise BodyTooLarge
    return data


def prefix_length(beginning: bytes) -> int:
    """How many bytes stand before the base64 of a data URI. Raises `InvalidMedia`."""
    data_uri = _DATA_URI.match(beginning)
    if data_uri is not None:
        return data_uri.end()
    address = _ADDRESS.match(beginning)
    if address is not None:
        raise InvalidMedia(NOT_BASE64_URI if address[1].lower() == b"data" else NOT_FETCHED)
    return 0


def standard(text: bytes) -> bytes:
    """The same base64 in the standard alphabet, without line breaks."""
    return text.translate(_STANDARD_ALPHABET, _LINE_BREAKS)


def decode_quantums(text: bytes) -> bytes:
    """Decodes whole groups of four characters; the padding of the last may be absent. Raises ValueError."""
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)


def is_too_long(characters: int, max_bytes: int) -> bool:
    """Whether base64 of that length stands for more than `max_bytes`, whatever its padding."""
    return characters * 3 // 4 - 2 > max_bytes  # padding may stand for two bytes
