import asyncio
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import InvalidImage, StorageFull
from app.http.body.spooled_file import MAX_BYTES_IN_MEMORY, SpooledFile
from app.memory_budget import MemoryBudget, MemoryClaim

pytestmark = pytest.mark.anyio

TOTAL_BYTES = 16 * 1_048_576
DISK_BYTES = 1_048_576


@pytest.fixture
def budget() -> Iterator[MemoryBudget]:
    budget = MemoryBudget(TOTAL_BYTES, DISK_BYTES)
    yield budget
    assert budget.used_bytes == 0


@pytest.fixture
def memory(budget: MemoryBudget) -> Iterator[MemoryClaim]:
    with budget.claim(time.monotonic() + 30) as memory:
        yield memory


@pytest.fixture
def file(memory: MemoryClaim, tmp_path: Path) -> Iterator[SpooledFile]:
    file = SpooledFile(memory, tmp_path)
    yield file
    file.close()


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_small_file_is_in_memory(file: SpooledFile, memory: MemoryClaim) -> None:
    before = open_descriptors()
    await file.write(b"ab")
    await file.write(b"c")
    assert await file.read() == b"abc"
    assert (file.size, memory.held_bytes("arriving"), memory.held_bytes("disk")) == (3, 3, 0)
    assert open_descriptors() == before
    file.close()
    assert memory.held_bytes("arriving") == 0


async def test_a_large_file_is_on_disk_alone(file: SpooledFile, memory: MemoryClaim, tmp_path: Path) -> None:
    first, second = b"a" * MAX_BYTES_IN_MEMORY, b"b"
    before = open_descriptors()
    await file.write(first)
    assert memory.held_bytes("disk") == 0
    await file.write(second)
    assert await file.read() == first + second
    assert await file.read() == first + second
    assert (file.size, memory.held_bytes("arriving")) == (memory.held_bytes("disk"), 0)
    assert file.size == MAX_BYTES_IN_MEMORY + 1
    assert open_descriptors() == before + 1
    assert os.listdir(tmp_path) == []  # without a name nothing can be left behind
    file.close()
    assert open_descriptors() == before


async def test_a_file_for_which_there_is_no_memory_is_on_disk(
    budget: MemoryBudget, file: SpooledFile, memory: MemoryClaim
) -> None:
    share = budget.shares["arriving"]
    with budget.claim(0.0) as others:
        assert others.try_to_buffer(share.capacity_bytes - 10)
        await file.write(b"0123456789")
        await file.write(b"x")
        assert (memory.held_bytes("arriving"), memory.held_bytes("disk")) == (0, 11)
        assert await file.read() == b"0123456789x"


async def test_more_than_the_disks_share_is_refused(file: SpooledFile, memory: MemoryClaim) -> None:
    await file.write(b"a" * DISK_BYTES)
    with pytest.raises(StorageFull):
        await file.write(b"a")


async def test_disk_that_fills_during_a_write_is_reported(file: SpooledFile) -> None:
    most_bytes, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_BYTES_IN_MEMORY + 1000, hard))
    try:
        await file.write(b"a" * MAX_BYTES_IN_MEMORY)
        with pytest.raises(StorageFull):
            await file.write(b"a" * 2000)  # of which a part still fits
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))


async def test_full_disk_is_reported_without_its_path(
    memory: MemoryClaim, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = SpooledFile(memory, tmp_path / "not there")
    with pytest.raises(StorageFull):
        await file.write(b"a" * (MAX_BYTES_IN_MEMORY + 1))
    assert "errno 2" in caplog.text
    assert "not there" not in caplog.text
    file.close()


async def test_what_is_wrong_with_its_content_is_raised_for_its_reader(file: SpooledFile) -> None:
    file.error = InvalidImage()
    with pytest.raises(InvalidImage):
        await file.read()
    assert repr(file) == "a file"


async def test_a_cancelled_write_leaves_no_descriptor(memory: MemoryClaim, tmp_path: Path) -> None:
    before = open_descriptors()
    for turns in range(4):
        file = SpooledFile(memory, tmp_path)
        writing = asyncio.create_task(file.write(b"a" * (MAX_BYTES_IN_MEMORY + 1)))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
        file.close()
    async with asyncio.timeout(30):
        while open_descriptors() != before:  # noqa: ASYNC110  # the threads that write set no event
            await asyncio.sleep(0.001)
