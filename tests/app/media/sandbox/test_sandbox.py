"""What a file does to its process, without effect on any other. The processes are real."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from functools import cache

import psutil
import pytest

from app.errors import ImageTooLarge, InvalidAudio, InvalidImage, ServiceUnavailable
from app.media.decoding import MediaDecoder
from app.media.sandbox.sandbox import JobUsage, SandboxUnavailable
from app.settings import MediaSettings
from testbed import hostile_media

from ..conftest import recording

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL = hostile_media.png(8, 8)
DEATHS = 20


@cache
def slow_picture() -> bytes:
    """It takes seconds of a processor; making it takes one, too."""
    return hostile_media.png(7_000, 7_000, 16, 6)


@cache
def decodable_picture() -> bytes:
    """Within the bounds of a process."""
    return hostile_media.png(3_500, 3_500, 16, 6)


class Decoding:
    """A decoder, its fork server as the system sees it, and what was reported of its files."""

    def __init__(self, **settings: object) -> None:
        self.usages: asyncio.Queue[JobUsage] = asyncio.Queue()
        patient = {"decoding_seconds": 100.0} | settings  # the machine may be busy
        self.decoder = MediaDecoder(MediaSettings(**patient), self.usages.put_nowait)

    async def image(self, data: bytes, user_id: str = "alice") -> tuple[int, ...]:
        return (await self.decoder.image(data, self.decoder.budget(user_id))).pixels.shape

    async def works(self) -> bool:
        return await self.image(SMALL) == (8, 8, 3)

    def fork_server(self) -> psutil.Process:
        (server,) = [
            child
            for child in psutil.Process().children()
            if "app.media.sandbox.fork_server" in child.cmdline()
        ]
        return server

    async def running_process(self) -> psutil.Process:
        """The one that decodes, once it has begun."""
        while True:
            for process in self.fork_server().children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.cpu_times().user > 0.1:
                        return process
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def decoding(**settings: object) -> AsyncIterator[Decoding]:
    it = Decoding(**settings)
    await it.decoder.start()
    await it.decoder.wait_until_ready()
    server = it.fork_server()
    try:
        yield it
    finally:
        await it.decoder.aclose()
        assert not server.is_running()
        assert (it.decoder.running, it.decoder.waiting) == (0, 0)


async def test_a_process_that_dies_costs_its_own_file_alone():
    async with decoding() as it:
        unlucky = asyncio.create_task(it.image(slow_picture()))
        victim = await it.running_process()
        others = [asyncio.create_task(it.image(SMALL, "bob")) for _ in range(5)]
        victim.send_signal(signal.SIGSEGV)
        with pytest.raises(InvalidImage):
            await unlucky
        assert await asyncio.gather(*others) == [(8, 8, 3)] * 5
        assert await it.works()
        outcomes = [(await it.usages.get()).outcome for _ in range(7)]
        assert sorted(outcomes) == ["decoded"] * 6 + ["died"]


async def test_the_process_that_the_start_waits_for_decodes_the_first_file():
    async with decoding(decoding_processes=1) as it:
        idle = it.fork_server().children()
        task = asyncio.create_task(it.image(decodable_picture()))
        assert [await it.running_process()] == idle
        await task


async def test_a_process_that_others_kill_is_replaced():
    """As the kernel does when memory is short: the file has done nothing wrong."""
    async with decoding() as it:
        task = asyncio.create_task(it.image(decodable_picture()))
        (await it.running_process()).kill()
        assert await task == (3_500, 3_500, 3)


async def test_a_fork_server_that_dies_costs_no_file():
    async with decoding() as it:
        task = asyncio.create_task(it.image(decodable_picture()))
        await it.running_process()
        it.fork_server().kill()
        assert await task == (3_500, 3_500, 3)


async def test_idle_processes_that_die_leave_no_descriptors():
    async with decoding() as it:
        await it.works()
        descriptors = psutil.Process().num_fds()
        for _ in range(DEATHS):
            for process in it.fork_server().children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    await asyncio.to_thread(process.wait, 10)
        assert await it.works()
        # As many processes as before or a few more are idle now; a leak has a descriptor of each that died.
        assert psutil.Process().num_fds() < descriptors + DEATHS / 2


async def test_a_gateway_without_descriptors_decodes_again_when_it_has_some():
    async with decoding() as it:
        await it.works()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        idle = [process.pid for process in it.fork_server().children()]
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            with pytest.raises(ServiceUnavailable):
                await it.image(SMALL)
            for pid in idle:
                with contextlib.suppress(ProcessLookupError):  # it was the one that said what holds
                    os.kill(pid, signal.SIGKILL)
            while it.decoder.posture is not None:  # noqa: ASYNC110 - what the system does has no event
                await asyncio.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert await it.works()


async def test_every_file_is_reported_however_late_the_loop_is():
    async with decoding() as it:
        for _ in range(20):
            task = asyncio.create_task(it.image(b"text"))
            await asyncio.sleep(0)
            deadline = time.monotonic() + 0.02
            while time.monotonic() < deadline:
                pass  # the loop is busy while the process ends
            with pytest.raises(InvalidImage):
                await task
        assert [(await it.usages.get()).outcome for _ in range(20)] == ["refused"] * 20


async def test_the_posture_holds_while_a_process_is_replaced():
    async with decoding(decoding_processes=1) as it:
        for _ in range(20):
            assert await it.works()
            usage = asyncio.create_task(it.usages.get())  # comes when the process has ended
            while not usage.done():
                assert it.decoder.posture is not None
                await asyncio.sleep(0)
            assert it.decoder.posture is not None


async def test_a_file_is_killed_by_its_processor_time():
    slow = hostile_media.png(14_000, 7_000, 16, 6)  # a fast processor takes more than two seconds
    bounds = {"max_image_pixels": 100_000_000, "decoding_memory_bytes": 4 << 30}
    async with decoding(decoding_cpu_seconds=1, decoding_seconds=60, **bounds) as it:
        with pytest.raises(InvalidImage):
            await it.image(slow)
        usage = await it.usages.get()
        assert usage.outcome == "died"
        assert usage.cpu_seconds == pytest.approx(1.0, abs=0.5)
        assert await it.works()


async def test_a_file_is_killed_by_the_clock():
    async with decoding(decoding_seconds=0.2) as it:
        with pytest.raises(InvalidImage):
            await it.image(slow_picture())
        assert (await it.usages.get()).outcome == "timed_out"


async def test_a_picture_that_takes_too_much_memory_is_too_large():
    async with decoding(decoding_memory_bytes=64 * 1_048_576) as it:
        with pytest.raises(ImageTooLarge):
            await it.image(slow_picture())
        usage = await it.usages.get()
        assert usage.peak_bytes < 128 * 1_048_576
        assert await it.works()


async def test_a_recording_that_takes_too_much_memory_is_refused():
    async with decoding(decoding_memory_bytes=64 * 1_048_576, max_media_bytes=200_000_000) as it:
        sound = hostile_media.wav(2, 48_000, bytes(100_000_000))
        with pytest.raises(InvalidAudio):
            await it.decoder.audio(sound, it.decoder.budget())
        assert await it.works()


async def test_a_cancelled_request_kills_its_process():
    async with decoding() as it:
        task = asyncio.create_task(it.image(slow_picture()))
        process = await it.running_process()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(process.wait, 10)
        assert (await it.usages.get()).outcome == "abandoned"
        assert await it.works()


async def test_a_signal_to_the_whole_service_leaves_decoding_alone():
    """systemd sends SIGTERM to every process of a service, and the gateway then drains."""
    async with decoding() as it:
        task = asyncio.create_task(it.image(decodable_picture()))
        process = await it.running_process()
        for signalled in (it.fork_server(), process):
            signalled.terminate()
        assert await task == (3_500, 3_500, 3)
        assert await it.works()


async def test_a_fork_server_without_room_for_descriptors_is_started_again():
    async with decoding(decoding_processes=1) as it:
        first = it.fork_server()
        first.rlimit(psutil.RLIMIT_NOFILE, (3, 3))  # none left for the socket of a process
        for _ in range(3):
            assert await it.works()
        assert it.fork_server().pid != first.pid


async def test_closing_kills_what_runs():
    async with decoding() as it:
        task = asyncio.create_task(it.image(slow_picture()))
        process = await it.running_process()
        await it.decoder.aclose()
        with pytest.raises(ServiceUnavailable):
            await task
        assert not process.is_running()


async def test_a_fork_server_that_dies_is_started_again():
    async with decoding() as it:
        first = it.fork_server()
        first.kill()
        await asyncio.to_thread(first.wait, 10)
        assert await it.works()
        assert it.fork_server().pid != first.pid
        assert it.decoder.posture is not None


async def test_idle_processes_that_are_killed_are_replaced():
    async with decoding() as it:
        await it.works()
        for process in it.fork_server().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for _ in range(5):
            assert await it.works()


@pytest.mark.timeout(400)  # each has a process of its own: half a minute of a processor
async def test_a_thousand_files_leave_nothing_behind():
    async with decoding() as it:
        await it.works()
        descriptors = psutil.Process().num_fds()
        for _ in range(20):
            await asyncio.gather(*(it.image(SMALL, f"user-{number}") for number in range(50)))
        processes = MediaSettings().decoding_processes
        assert len(it.fork_server().children()) <= processes
        # Each process that waits has a socket and a descriptor; they were perhaps fewer at first.
        assert psutil.Process().num_fds() <= descriptors + 2 * processes


async def test_processes_inherit_neither_secrets_nor_descriptors(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://gateway:the-password@localhost/gateway")
    inheritable = os.open(__file__, os.O_RDONLY)
    os.set_inheritable(inheritable, True)
    try:
        async with decoding() as it:
            processes = [it.fork_server(), *it.fork_server().children()]
            seen = 0
            for process in processes:
                with contextlib.suppress(
                    psutil.NoSuchProcess
                ):  # the first one ends when it has said what holds
                    assert "GATEWAY_DATABASE_URL" not in process.environ()
                    assert not any(__file__ in file.path for file in process.open_files())
                    assert process.cwd() == "/"
                    assert not process.net_connections("inet")
                    seen += 1
            assert seen > 1
    finally:
        os.close(inheritable)


async def test_what_decoders_print_stays_inside(capfd: pytest.CaptureFixture[str]):
    async with decoding() as it:
        broken = recording("m4a")
        for at in range(200, 1_200, 100):
            with contextlib.suppress(InvalidAudio):
                await it.decoder.audio(broken[:at], it.decoder.budget())
    assert capfd.readouterr() == ("", "")


async def test_a_start_that_fails_says_so_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    decoder = MediaDecoder(MediaSettings())
    await decoder.start()
    with pytest.raises(SandboxUnavailable):
        await decoder.wait_until_ready()
    assert not [child for child in psutil.Process().children() if child.name() == "false"]
