"""Fork servers of tests are as those of a gateway."""

import socket
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from app.media.decoding import MediaDecoder
from app.media.sandbox.confinement import Limits
from app.settings import MediaSettings
from testbed import hostile_media
from testbed.warm_fork_servers import WarmForkServers

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers() -> Iterator[WarmForkServers]:
    servers = WarmForkServers()
    yield servers
    servers.close()


def fork_servers() -> set[psutil.Process]:
    """Those of this process that were forked from a warm one."""
    warm = [child for child in psutil.Process().children() if "testbed.warm_fork_servers" in child.cmdline()]
    return {server for process in warm for server in process.children()}


async def test_a_server_confines_its_processes_and_ends_with_its_gateway(servers: WarmForkServers) -> None:
    before = fork_servers()
    decoder = MediaDecoder(MediaSettings(), launch=servers.launch)
    await decoder.start()
    await decoder.wait_until_ready()
    assert decoder.posture is not None
    (server,) = fork_servers() - before
    decoding = server.children()
    image = await decoder.image(hostile_media.png(8, 8), decoder.budget())
    assert image.pixels.shape == (8, 8, 3)
    await decoder.aclose()
    _, alive = psutil.wait_procs([server, *decoding], timeout=30)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


async def test_a_server_can_be_killed(servers: WarmForkServers) -> None:
    gateway, theirs = socket.socketpair()
    with gateway:
        with theirs:
            server = servers.launch(theirs.fileno(), Limits(2**28, 1, 2**20))
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.0)
        server.kill()
        server.wait()
        assert gateway.recv(1) == b""
