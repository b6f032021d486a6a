import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.errors import InvalidMultipart, Overloaded
from app.http.body.multipart import MAX_FIELD_BYTES, MAX_FIELDS, MAX_FILES, read_multipart
from app.http.body.request_body import RequestBody
from app.http.body.spooled_file import MAX_BYTES_IN_MEMORY, SpooledFile
from app.memory_budget import MemoryBudget

pytestmark = pytest.mark.anyio

CONTENT_TYPE = "multipart/form-data; boundary=BB"
FILE = b'--BB\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
FIELD = b'--BB\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
END = b"\r\n--BB--\r\n"
Parts = list[tuple[str, str | bytes]]


@pytest.fixture
def budget() -> Iterator[MemoryBudget]:
    budget = MemoryBudget(16 * 1_048_576, 64 * 1_048_576)
    yield budget
    assert budget.used_bytes == 0


async def nothing() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def in_pieces(form: bytes, piece_bytes: int) -> AsyncIterator[bytes]:
    for start in range(0, len(form), piece_bytes):
        yield form[start : start + piece_bytes]


async def read(
    budget: MemoryBudget, form: bytes, piece_bytes: int = 1_000_000, content_type: str = CONTENT_TYPE
) -> Parts:
    with (
        budget.claim(time.monotonic() + 30) as memory,
        RequestBody(nothing, 0, memory, Path(), asyncio.Semaphore(1)) as body,
    ):
        parts = await read_multipart(content_type, in_pieces(form, piece_bytes), body)
        return [
            (name, await value.read() if isinstance(value, SpooledFile) else value) for name, value in parts
        ]


@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 1_000_000])
async def test_files_and_fields_are_read_from_pieces_of_any_size(
    budget: MemoryBudget, piece_bytes: int
) -> None:
    content = b"\r\n--B" * 50 + b"\r\n--BC\r" + bytes(range(256))
    form = FILE + content + b"\r\n" + FIELD + "打开\r\n".encode() + b"\r\n" + FILE + END
    assert await read(budget, form, piece_bytes) == [
        ("image", content),
        ("prompt", "打开\r\n"),
        ("image", b""),
    ]


async def test_large_files_are_not_held_in_memory(budget: MemoryBudget) -> None:
    content = b"\r\n" * MAX_BYTES_IN_MEMORY
    most = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal most
        async for piece in in_pieces(FILE + content + END, 65_536):
            yield piece
            most = max(most, budget.shares["arriving"].used_bytes)

    with budget.claim(0.0) as memory, RequestBody(nothing, 0, memory, Path(), asyncio.Semaphore(1)) as body:
        [(_, file)] = await read_multipart(CONTENT_TYPE, pieces(), body)
        assert isinstance(file, SpooledFile)
        assert await file.read() == content
        assert memory.held_bytes("disk") == len(content)
        assert most <= MAX_BYTES_IN_MEMORY


@pytest.mark.parametrize("cut", [1, len(END) - 4, len(END), len(END) + 3, len(FILE + END)])
async def test_a_form_that_was_cut_off_is_refused(budget: MemoryBudget, cut: int) -> None:
    form = FIELD + b"x\r\n" + FILE + b"abc" + END
    assert await read(budget, form[:-2]) == [("prompt", "x"), ("image", b"abc")]
    with pytest.raises(InvalidMultipart):
        await read(budget, form[: -2 - cut])


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"x" * 1000,
        FIELD * 2,
        FILE.replace(b'name="image"; ', b"") + END,
        b"--BB\r\nX: y\r\n\r\n" + END,
        b"--BB\r\nX: " + b"y" * 1_000_000,
        b"--BB\r\n" + b"X: y\r\n" * 100_000,
        (FIELD + b"x\r\n") * (MAX_FIELDS + 1) + b"--BB--\r\n",
        (FILE + b"x\r\n") * (MAX_FILES + 1) + b"--BB--\r\n",
        FIELD + b"x" * (MAX_FIELD_BYTES + 1) + END,
        (FIELD + b"x" * (MAX_FIELD_BYTES // 2 + 1) + b"\r\n") * 2 + b"--BB--\r\n",
    ],
    ids=[
        *("empty", "no boundary", "no end", "no name", "no disposition", "long header", "many headers"),
        *("many fields", "many files", "long field", "long fields"),
    ],
)
async def test_hostile_forms_are_refused(budget: MemoryBudget, form: bytes) -> None:
    with pytest.raises(InvalidMultipart):
        await read(budget, form, 10_000)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "B" * 71,
        "multipart/form-data; boundary=B\xe9",
        "multipart/form-data; boundary=BB; charset=utf-16",
        "multipart/form-data; boundary=BB; " + ';";' * 20_000,
    ],
)
async def test_content_types_that_say_no_boundary_are_refused(
    budget: MemoryBudget, content_type: str
) -> None:
    with pytest.raises(InvalidMultipart):
        await read(budget, FIELD + b"x" + END, content_type=content_type)


async def test_fields_for_which_there_is_no_memory_are_refused(budget: MemoryBudget) -> None:
    with budget.claim(0.0) as others:
        assert others.try_to_buffer(budget.shares["arriving"].capacity_bytes - 10)
        assert await read(budget, FIELD + b"x" * 10 + END) == [("prompt", "x" * 10)]
        with pytest.raises(Overloaded):
            await read(budget, FIELD + b"x" * 11 + END)
