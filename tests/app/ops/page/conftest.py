"""One Chromium for all tests of the page; each visits with a profile of its own."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from testbed.servers import MissingServer
from tests.app.gateway import Gateway
from tests.app.ops.page.browser import Visit, running_browser, visiting
from tests.conftest import leave_out


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    try:
        async with running_browser() as running:
            yield running
    except MissingServer as error:
        leave_out(error)


@pytest.fixture
async def visit(browser: Browser, gateway: Gateway) -> AsyncIterator[Visit]:
    """On a desktop, at a gateway with the scripted backend, not signed in."""
    async with visiting(browser, gateway) as fresh:
        yield fresh
