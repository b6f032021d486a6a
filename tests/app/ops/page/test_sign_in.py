"""Who gets in to the page, how, and what the others are told, in a real browser."""

import re
import time

import pytest
from playwright.async_api import expect

from app.auth.sign_in_link import LIFETIME, SignInLink
from tests.app.gateway import Gateway
from tests.app.ops.page.browser import Visit, new_link, sign_in

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

USED_OR_EXPIRED = "The link was used or has expired."


async def paste(visit: Visit, access_token: str) -> None:
    await visit.page.goto(f"{visit.url}/ops")
    await visit.page.get_by_label("Access token").fill(access_token)
    await visit.page.get_by_role("button", name="Sign in").click()


async def test_the_link_signs_in_once_and_its_secret_does_not_stay(visit: Visit, gateway: Gateway):
    url, page = new_link(gateway), visit.page
    await page.goto(url)
    await expect(page.get_by_role("heading", name="No requests")).to_be_visible()
    assert page.url == f"{visit.url}/ops"
    (cookie,) = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert await page.evaluate("document.cookie") == ""
    await page.reload()
    await expect(page.get_by_role("heading", name="No requests")).to_be_visible()

    await page.context.clear_cookies()
    await page.goto(url)
    await page.reload()  # the same address again would only change the fragment
    await page.goto(url)
    await expect(page.get_by_role("alert")).to_contain_text(USED_OR_EXPIRED)
    await expect(page.get_by_label("Live")).to_be_hidden()


async def test_an_expired_link_says_how_to_get_another(visit: Visit, gateway: Gateway):
    made_at = time.time() - LIFETIME.total_seconds()
    link = SignInLink(gateway.services.settings.data_dir, clock=lambda: made_at)
    await visit.page.goto(link.create(visit.url))
    await expect(visit.page.get_by_role("alert")).to_have_text(
        f"{USED_OR_EXPIRED} `gateway ops link` makes a new one."
    )


@pytest.mark.parametrize(
    ("scopes", "why"),
    [(None, "The access token is not valid here."), ("chat admin", "does not have the scope ops")],
)
async def test_a_wrong_token_is_refused_with_the_reason(visit: Visit, gateway: Gateway, scopes, why):
    await paste(visit, "nonsense" if scopes is None else await gateway.issue("root", scopes))
    await expect(visit.page.get_by_role("alert")).to_contain_text(why)
    await expect(visit.page.get_by_label("Access token")).to_be_focused()
    assert await visit.page.context.cookies() == []


async def test_a_token_with_scope_ops_sees_but_does_not_administer(visit: Visit, gateway: Gateway):
    await paste(visit, await gateway.issue("wall", "ops"))
    views = visit.page.get_by_role("navigation", name="Views")
    await expect(views.get_by_role("link")).to_have_text(["Live"])
    await visit.page.goto(f"{visit.url}/ops#people")
    await expect(visit.page.get_by_role("heading", name="No requests")).to_be_visible()
    await expect(visit.page.locator("#users-title")).to_be_hidden()


async def test_signing_out_leaves_nothing_behind(visit: Visit, gateway: Gateway):
    await sign_in(visit, gateway)
    await visit.page.get_by_role("button", name="Sign out").click()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await visit.page.context.cookies() == []
    await visit.page.reload()
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_revoked_session_ends_with_the_reason(visit: Visit, gateway: Gateway):
    await sign_in(visit, gateway)
    headers = await gateway.headers("root", "admin")
    tokens = (await gateway.client.get("/admin/tokens", headers=headers)).json()["tokens"]
    (session,) = [token for token in tokens if "ops" in token["scopes"]]
    await gateway.client.delete(f"/admin/tokens/{session['token_id']}", headers=headers)
    await visit.page.get_by_role("link", name="Changes").click()
    await expect(visit.page.get_by_role("alert")).to_contain_text("was revoked")
    await expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_everything_can_be_done_with_the_keyboard(visit: Visit, gateway: Gateway):
    page, press = visit.page, visit.page.keyboard.press
    await page.goto(f"{visit.url}/ops")
    await expect(page.get_by_label("Access token")).to_be_focused()
    await page.keyboard.insert_text(await gateway.issue("root", "ops admin"))
    await press("Enter")
    await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    await tab_to(visit, "Users")
    await press("Enter")
    await expect(page.get_by_role("heading", name="Users")).to_be_visible()

    await tab_to(visit, "New user")
    await press("Enter")
    await press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_role("button", name="New user")).to_be_focused()
    await press("Space")
    await page.keyboard.insert_text("bob")
    await press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("Creates the user bob")
    await press("Tab")
    await press("Tab")
    await press("Tab")
    await expect(page.get_by_role("button", name="Create user")).to_be_focused()
    await press("Enter")
    await expect(page.get_by_role("status").filter(has_text="bob was created.")).to_be_visible()

    await tab_to(visit, "Tokens of bob")
    await press("Enter")
    await expect(page.get_by_role("heading", name="Tokens of bob")).to_be_focused()
    await press("Tab")
    await expect(page.get_by_role("button", name="Issue a token")).to_be_focused()


async def tab_to(visit: Visit, name: str, presses: int = 40) -> None:
    """Presses Tab until the focus, which must be visible, is on what is called so."""
    for _ in range(presses):
        await visit.page.keyboard.press("Tab")
        label, outline = await visit.page.evaluate(
            "() => { const on = document.activeElement;"
            " return [on.ariaLabel ?? on.textContent, getComputedStyle(on).outlineStyle]; }"
        )
        if re.fullmatch(name, label.strip()):
            assert outline == "solid"
            return
    raise AssertionError(f"{name} cannot be reached with Tab")
