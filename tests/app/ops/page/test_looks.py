"""Every view on every screen: no serious finding of axe-core, nothing cut off or sideways."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

from tests.app.ops.page.browser import DESKTOP, PHONE, new_link, visiting
from tests.app.ops.page.hour import gateway_after_an_hour

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


async def findings(page: Page) -> list[str]:
    """Of any weight: there are none to be excused."""
    results = await Axe().run(page)
    return [
        f"{found['impact']} {found['id']}: {node['target']} {node['failureSummary']}"
        for found in results.response["violations"]
        for node in found["nodes"]
    ]


async def examine(page: Page, view: str) -> None:
    assert await findings(page) == [], view
    overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, view


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["390", "1440"])
async def test_every_view_can_be_read_by_everybody(browser: Browser, tmp_path: Path, size, theme):
    async with gateway_after_an_hour(tmp_path) as gateway, visiting(browser, gateway, size, theme) as visit:
        page = visit.page
        await page.goto(f"{visit.url}/ops")
        await page.get_by_role("heading", name="Sign in").wait_for()
        await examine(page, "sign-in")
        await page.goto(new_link(gateway))
        await page.locator("#charts canvas").nth(7).wait_for()
        await examine(page, "live")
        await page.goto(f"{visit.url}/ops#people")
        await page.get_by_role("button", name="Tokens of ios-beta").click()
        await page.locator("#tokens table").wait_for()
        await examine(page, "users")
        await page.get_by_role("button", name="Issue a token").click()
        await page.get_by_role("dialog").wait_for()
        await examine(page, "dialog")
        await page.get_by_role("button", name="Continue").click()
        await examine(page, "confirmation")
        await page.get_by_role("button", name="Issue token").click()
        await page.locator("#secret").wait_for()
        await examine(page, "issued token")
        await page.keyboard.press("Escape")
        await page.goto(f"{visit.url}/ops#changes")
        await page.locator("#audit table").wait_for()
        await examine(page, "changes")


async def test_the_theme_follows_the_system_until_it_is_chosen(browser: Browser, tmp_path: Path):
    async with gateway_after_an_hour(tmp_path) as gateway, visiting(browser, gateway) as visit:
        page = visit.page

        async def background() -> str:
            colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            return colour

        await page.goto(new_link(gateway))
        await page.get_by_role("button", name="Dark").wait_for()
        light = await background()
        await page.emulate_media(color_scheme="dark")
        await page.get_by_role("button", name="Light").wait_for()
        dark = await background()
        assert dark != light
        await page.get_by_role("button", name="Light").click()
        await page.reload()
        await page.get_by_role("button", name="Dark").wait_for()
        assert await background() == light
