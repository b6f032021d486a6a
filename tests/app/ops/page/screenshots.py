"""`make screenshots`: the pictures of the page in docs/images, of a made-up hour on two GPUs."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Page

from tests.app.ops.page.browser import DESKTOP, PHONE, Visit, running_browser, sign_in, visiting
from tests.app.ops.page.hour import TwoGpus, gateway_after_an_hour

IMAGES = Path(__file__).parents[4] / "docs" / "images"


async def drawn(page: Page) -> None:
    """Until every chart has its lines."""
    await page.locator("#charts .uplot").nth(7).wait_for()
    await page.evaluate("document.fonts.ready")


async def picture(visit: Visit, name: str, *, whole: bool = False) -> None:
    await visit.page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)
    print(f"docs/images/{name}.png")


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        browser = await enter(running_browser())
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        well = await enter(gateway_after_an_hour(directories[0]))
        slow = await enter(
            gateway_after_an_hour(directories[1], backend=TwoGpus(is_second_healthy=False), ttft_factor=4.5)
        )
        for theme, size, screen in (
            ("light", DESKTOP, ""),
            ("dark", DESKTOP, "-dark"),
            ("light", PHONE, "-phone"),
        ):
            visit = await enter(visiting(browser, well, size, theme))
            await sign_in(visit, well)
            await drawn(visit.page)
            await picture(visit, f"ops{screen}")
            if theme == "light" and size is DESKTOP:
                await picture(visit, "ops-whole", whole=True)
        visit = await enter(visiting(browser, slow))
        await sign_in(visit, slow)
        await drawn(visit.page)
        await picture(visit, "ops-worker-down")
        visit = await enter(visiting(browser, well))
        await sign_in(visit, well, "people")
        await visit.page.get_by_role("button", name="Tokens of ios-beta").click()
        await visit.page.locator("#tokens table").wait_for()
        await visit.page.evaluate("document.activeElement.blur()")
        await picture(visit, "ops-users")


if __name__ == "__main__":
    asyncio.run(main())
