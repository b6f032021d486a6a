import base64
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import InvalidMedia
from app.http.body.long_base64 import LongBase64
from app.http.body.spooled_file import SpooledFile
from app.memory_budget import MemoryBudget

pytestmark = pytest.mark.anyio

CONTENT = random.Random(1).randbytes(100_001)
TEXT = base64.b64encode(CONTENT)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SpooledFile]:
    with MemoryBudget(2**30, 2**30).claim(0.0) as memory:
        file = SpooledFile(memory, tmp_path)
        yield file
        file.close()


async def decode(file: SpooledFile, text: bytes, piece_bytes: int = 1000) -> bytes:
    decoder = LongBase64(file)
    for start in range(0, len(text), piece_bytes):
        await decoder.feed(text[start : start + piece_bytes], is_last=start + piece_bytes >= len(text))
    return await file.read()


@pytest.mark.parametrize("piece_bytes", [300, 997, 65_536, 1_000_000])
@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        b"data:image/jpeg;base64," + TEXT,
        b"DATA:image\\/jpeg;charset=x;base64," + TEXT,
        b"\\r\\n".join(TEXT[start : start + 76] for start in range(0, len(TEXT), 76)) + b"\\n",
        TEXT.replace(b"/", b"\\/").replace(b"=", b"\\u003d").replace(b"+", b"\\u002B"),
        TEXT[:-1],
        base64.urlsafe_b64encode(CONTENT),
        b"data:image/jpeg;base64," + base64.urlsafe_b64encode(CONTENT)[:-1],
    ],
    ids=[
        *("plain", "data URI", "escaped data URI", "Android's lines", "escapes of PHP and Gson"),
        *("no padding", "URL alphabet", "URL alphabet without padding"),
    ],
)
async def test_base64_is_decoded_in_pieces(file: SpooledFile, text: bytes, piece_bytes: int) -> None:
    assert await decode(file, text, piece_bytes) == CONTENT


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-3],
        TEXT + TEXT,
        TEXT + b"A",
        TEXT[:5000] + b"*" + TEXT[5001:],
        TEXT[:5000] + b"\n" + TEXT[5000:],
        TEXT[:5000] + b"\\x" + TEXT[5000:],
        TEXT[:5000] + "你".encode() + TEXT[5000:],
        TEXT[:5000] + b"\xff" + TEXT[5000:],
        TEXT + b"\\",
        b"https://example.com/" + TEXT,
        b"data:image/jpeg," + TEXT,
    ],
    ids=[
        *("cut off", "padding inside", "after padding", "no alphabet", "bare line feed", "no escape"),
        *("not ASCII", "not UTF-8", "half an escape", "an address", "no base64"),
    ],
)
async def test_reading_invalid_base64_raises(file: SpooledFile, text: bytes) -> None:
    for piece_bytes in (997, 1_000_000):
        with pytest.raises(InvalidMedia):
            await decode(file, text, piece_bytes)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        (b"data:image/jpeg,", "This data URI does not say that it is base64"),
        (b"content://media/", "Addresses are not fetched"),
        (b"*", "This is not base64"),
    ],
)
async def test_reason_is_named(file: SpooledFile, prefix: bytes, reason: str) -> None:
    with pytest.raises(InvalidMedia, match=reason):
        await decode(file, prefix + TEXT)
