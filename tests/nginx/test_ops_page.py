"""The page at /ops in a real browser, through nginx with its default settings: HTTPS, limits, log."""

import pytest
from playwright.async_api import Browser, expect

from ..app.gateway import Gateway
from ..app.ops.page.browser import new_link, visiting
from ..app.ops.page.conftest import browser
from .conftest import StartGateway, StartNginx

__all__ = ["browser"]

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

SHIPPED = {"NGINX_REQUESTS_PER_SECOND": "20", "NGINX_REQUEST_BURST": "60", "NGINX_CONCURRENT_REQUESTS": "64"}


async def test_the_page_works_over_https_with_the_shipped_limits(
    browser: Browser, gateway: Gateway, start_nginx: StartNginx
) -> None:
    nginx = start_nginx(gateway.port, **SHIPPED)
    link = new_link(gateway, nginx.url)
    async with visiting(browser, gateway, url=nginx.url) as visit:
        page = visit.page
        await page.goto(link)
        await expect(page.get_by_role("heading", name="No requests")).to_be_visible()
        (cookie,) = await page.context.cookies()
        assert (cookie["name"], cookie["secure"]) == ("__Host-gateway-ops", True)
        await page.get_by_role("link", name="Users").click()
        await page.get_by_role("button", name="New user").click()
        await page.get_by_label("Name").fill("bob")
        for name in ("Continue", "Create user"):
            await page.get_by_role("button", name=name).click()
        await expect(page.locator("#users tbody tr", has_text="bob")).to_be_visible()
    written = "".join(path.read_text() for path in nginx.directory.glob("*.log"))
    assert "/ops/session" in written
    assert link.rpartition(".")[2] not in written
    assert cookie["value"] not in written


async def test_an_operator_stays_with_one_of_several_gateways(
    start_gateway: StartGateway, start_nginx: StartNginx
) -> None:
    gateways = [await start_gateway() for _ in range(3)]
    nginx = start_nginx(*(gateway.port for gateway in gateways))
    async with nginx.client() as client:
        for path in ("/ops", "/ops/data", "/ops/session") * 2:
            await client.get(path)
    gateways = {entry["gateway"] for entry in await nginx.logged(6)}
    assert len(gateways) == 1
