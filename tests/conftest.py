"""Fixtures for every test: real servers, the asynchronous backend, and the check for leaks."""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from testbed.servers import MissingServer, PostgresServer, RedisServer, server_directory
from testbed.small_disk import SmallDisk, small_disk

Server = TypeVar("Server", RedisServer, PostgresServer)

SLOW_FOLDERS = (
    *("inference/", "scripts/", "deploy/", "test_servers.py", "test_conftest.py"),
    *("app/cli/", "app/openapi/", "app/persistence/", "app/admin/"),
)
SLOW_FIXTURES = {"start_gateway", "gateway_of_module", "database"}
GRACE_SECONDS = 2.0  # for a thread or task that is already ending when its test returns
FRAMEWORK_THREADS = (
    "execnet",  # pytest-xdist's channel to its controller
    "pytest_timeout",
    "AnyIO worker thread",  # ends with its event loop
    "asyncio_",  # the event loop's default executor, likewise
    "tqdm_monitor",  # transformers' progress bars, one per process
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that modules hold is garbage. Looking through its million objects takes seconds per process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts a gateway or a process, migrates a database or runs a model is no part of `make check`."""
    slow_folders = tuple(f"{Path(__file__).parent}/{folder}" for folder in SLOW_FOLDERS)
    for item in items:
        is_in_slow_folder = str(item.path).startswith(slow_folders)
        if is_in_slow_folder or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def _redis_session_server() -> Iterator[RedisServer]:
    yield from run_server(RedisServer)


@pytest.fixture
def redis_server(_redis_session_server: RedisServer) -> RedisServer:
    """A running, empty server. The test may stop it, and start it again."""
    _redis_session_server.start()
    _redis_session_server.flush()
    return _redis_session_server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """`redis://...` of an empty database."""
    return redis_server.url


@pytest.fixture(scope="session")
def _postgres_session_server() -> Iterator[PostgresServer]:
    yield from run_server(PostgresServer)


@pytest.fixture
def postgres_server(_postgres_session_server: PostgresServer) -> PostgresServer:
    """A running server. The test may stop it, and start it again."""
    _postgres_session_server.start()
    return _postgres_session_server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """`postgresql+asyncpg://...` of a new, empty database, dropped after the test."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.start()
    postgres_server.drop_database(name)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Of 8 MB: an SQLite database fits, and filling it takes no time."""
    place = tmp_path / "disk"
    place.mkdir()
    with ExitStack() as stack:
        try:
            made = stack.enter_context(small_disk(place, 8 * 2**20))
        except MissingServer as error:
            leave_out(error)
        yield made


def run_server(kind: Callable[[Path], Server]) -> Iterator[Server]:
    with server_directory() as directory:
        try:
            server = kind(directory)
        except MissingServer as error:
            leave_out(error)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def leave_out(error: MissingServer) -> NoReturn:
    """Skips the test, except in continuous integration, where nothing may be left out unseen."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _leaves_nothing_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a thread or an asyncio task behind.

    A module whose tests share something that runs has fixtures of these two names for the whole module.
    """
    with ending_threads():
        if "anyio_backend" in request.fixturenames:
            request.getfixturevalue("_leaves_no_task_running")
        yield


@pytest.fixture
async def _leaves_no_task_running(anyio_backend: str) -> AsyncIterator[None]:
    async with ending_tasks():
        yield


@contextmanager
def ending_threads() -> Iterator[None]:
    """Raises AssertionError if a new thread is left at the end."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith(FRAMEWORK_THREADS)
    ]
    for thread in left:
        thread.join(GRACE_SECONDS)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads left running: {alive}"


@asynccontextmanager
async def ending_tasks() -> AsyncIterator[None]:
    """Raises AssertionError if a new asyncio task is left at the end."""
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before if not _is_of_the_test_runner(task)}
    if left:
        _, running = await asyncio.wait(left, timeout=GRACE_SECONDS)
        assert not running, f"tasks left running: {[task.get_coro() for task in running]}"


def _is_of_the_test_runner(task: "asyncio.Task[object]") -> bool:
    return getattr(task.get_coro(), "__qualname__", "").startswith("TestRunner.")
