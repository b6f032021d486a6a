"""A real headless Chromium, which notes everything that a page must not do."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from app.auth.sign_in_link import SignInLink
from testbed.servers import MissingServer
from tests.app.gateway import Gateway

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 10_000
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
REFUSED_BY_US = "Failed to load resource: the server responded with a status of 4"


@dataclass
class Visit:
    """One page of a browser at one gateway. `complaints` are the console's errors, ours and its own."""

    page: Page
    url: str
    origins: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.origins.add(f"{parts.scheme}://{parts.netloc}")

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED_BY_US):
            self.complaints.append(message.text)

    def forget(self) -> None:
        """What a test itself brought about."""
        self.origins.clear()
        self.complaints.clear()

    def check(self) -> None:
        """Nothing was loaded from elsewhere, forbidden by the policy, or went wrong unseen."""
        assert self.origins <= {self.url}
        assert self.complaints == []


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Raises `MissingServer`."""
    program = shutil.which("chromium")
    if program is None:
        raise MissingServer("chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS, chromium_sandbox=os.geteuid() != 0
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    gateway: Gateway,
    size: dict[str, int] = DESKTOP,
    theme: str = "light",
    *,
    url: str | None = None,
) -> AsyncIterator[Visit]:
    """A fresh profile on a screen of that size. Checks the visit when it ends well.

    `url` is where the gateway is reached, if not directly; its certificate is believed.
    """
    context = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]  # a mapping like theirs
        color_scheme=theme,  # type: ignore[arg-type]  # "light" or "dark"
        is_mobile=size is PHONE,
        has_touch=size is PHONE,
        locale="en-GB",
        reduced_motion="reduce",
        ignore_https_errors=url is not None,
    )
    context.set_default_timeout(TIMEOUT_MS)
    try:
        page = await context.new_page()
        visit = Visit(page, url or f"http://127.0.0.1:{gateway.port}")
        page.on("request", visit.note_request)
        page.on("console", visit.note_message)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        yield visit
        visit.check()
    finally:
        await context.close()


def new_link(gateway: Gateway, url: str | None = None) -> str:
    """A whole address that signs in."""
    link = SignInLink(gateway.services.settings.data_dir)
    return link.create(url or f"http://127.0.0.1:{gateway.port}")


async def sign_in(visit: Visit, gateway: Gateway, view: str = "live") -> None:
    await visit.page.goto(new_link(gateway, visit.url))
    await visit.page.get_by_role("button", name="Sign out").wait_for()
    if view != "live":
        await visit.page.goto(f"{visit.url}/ops#{view}")
