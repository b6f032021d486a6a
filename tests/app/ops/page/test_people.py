"""Users and tokens, administered on the page in a real browser: confirmed, effective, audited."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.app.gateway import Gateway
from tests.app.ops.page.browser import Visit, sign_in

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


async def press(page: Page, *names: str) -> None:
    for name in names:
        await page.get_by_role("button", name=name, exact=True).click()


async def chat(gateway: Gateway, access_token: str) -> int:
    headers = {"Authorization": f"Bearer {access_token}"}
    response = await gateway.client.post("/chat", headers=headers, json={"prompt": "hello"})
    return response.status_code


async def audit_of(gateway: Gateway) -> list[dict[str, Any]]:
    """The newest first, without how the page was signed in to."""
    headers = await gateway.headers("root", "admin")
    entries = (await gateway.client.get("/admin/audit", headers=headers)).json()["entries"]
    return [entry for entry in entries if entry["actor"] != "sign-in link"]


async def test_a_token_is_issued_used_and_revoked(visit: Visit, gateway: Gateway):
    page = visit.page
    await sign_in(visit, gateway, "people")
    await press(page, "New user")
    await page.get_by_label("Name").fill("bob")
    await press(page, "Continue", "Create user")
    await press(page, "Tokens of bob")
    await expect(page.locator("#tokens")).to_have_text("bob has no tokens.")

    await press(page, "Issue a token")
    await page.get_by_label("vision").uncheck()
    await page.get_by_label("Valid for").select_option("1 hour")
    await page.get_by_label("Requests a minute").fill("120")
    await page.get_by_label("Note").fill("pilot")
    await press(page, "Continue")
    await expect(page.get_by_role("dialog")).to_contain_text(
        "use chat, speech as bob for 1 hour, with 120 requests a minute of its own."
    )
    assert len(await audit_of(gateway)) == 1  # nothing happens before it is confirmed
    await press(page, "Issue token")
    access_token = await page.locator("#secret").input_value()
    assert await chat(gateway, access_token) == 200
    await press(page, "Done")
    assert access_token not in await page.content()

    row = page.locator("#tokens tbody tr")
    await expect(row).to_contain_text("valid")
    await expect(row).to_contain_text("pilot")
    await expect(row).to_contain_text("120")
    await row.get_by_role("button", name="Revoke").click()
    await press(page, "Cancel")
    assert await chat(gateway, access_token) == 200
    await row.get_by_role("button", name="Revoke").click()
    await press(page, "Revoke")
    await expect(row).to_contain_text("revoked")
    assert await chat(gateway, access_token) == 401

    actions = [(entry["action"], entry["actor"]) for entry in await audit_of(gateway)]
    assert [action for action, _ in actions] == ["token.revoke", "token.issue", "user.create"]
    assert {re.fullmatch(r"usr_\S+", actor) is not None for _, actor in actions} == {True}
    await page.get_by_role("link", name="Changes").click()
    await expect(page.locator("#audit tbody tr").first).to_contain_text("token.revoke")


async def test_token_for_jobs_in_the_background_has_the_priority_batch(visit: Visit, gateway: Gateway):
    await gateway.add_user("bob")
    page = visit.page
    await sign_in(visit, gateway, "people")
    await press(page, "Tokens of bob", "Issue a token")
    await expect(page.get_by_label("Priority")).to_have_value("interactive")
    await page.get_by_label("Priority").select_option("batch")
    await press(page, "Continue")
    await expect(page.get_by_role("dialog")).to_contain_text("Its requests yield to interactive ones.")
    await press(page, "Issue token")
    access_token = await page.locator("#secret").input_value()
    assert gateway.services.access_tokens.verify(access_token).priority == "batch"
    await press(page, "Done")
    await expect(page.locator("#tokens tbody tr")).to_contain_text("batch")


async def test_limits_are_changed_and_follow_the_default_again(visit: Visit, gateway: Gateway):
    await gateway.add_user("bob", requests_per_minute=5)
    page, own_limits_of = visit.page, gateway.services.account_changes.own_limits_of
    await sign_in(visit, gateway, "people")
    await press(page, "Limits of bob")
    await expect(page.get_by_label("Requests a minute")).to_have_value("5")
    await page.get_by_label("Requests a minute").fill("")
    await page.get_by_label("Tokens a day").fill("1000")
    await press(page, "Continue")
    await expect(page.get_by_role("dialog")).to_contain_text("requests a minute: default (10000)")
    await press(page, "Change limits")
    row = page.locator("#users tbody tr", has_text="bob")
    await expect(row).to_contain_text("1,000")
    assert own_limits_of("usr_bob") == {"daily_tokens": 1000}
    (entry,) = await audit_of(gateway)
    assert entry["action"] == "user.update"
    assert entry["details"] == {"requests_per_minute": None, "daily_tokens": 1000}


async def test_a_user_is_disabled_and_all_its_tokens_are_revoked(visit: Visit, gateway: Gateway):
    access_token, page = await gateway.issue("bob"), visit.page
    await sign_in(visit, gateway, "people")
    await press(page, "Disable bob", "Disable user")
    row = page.locator("#users tbody tr", has_text="bob")
    await expect(row).to_contain_text("disabled")
    assert await chat(gateway, access_token) == 401
    await press(page, "Enable bob", "Enable user")
    await expect(row).to_contain_text("active")
    assert await chat(gateway, access_token) == 200
    await press(page, "Tokens of bob", "Revoke all")
    await page.get_by_role("dialog").get_by_role("button", name="Revoke all").click()
    await expect(page.locator("#tokens tbody tr")).to_contain_text("revoked")
    assert await chat(gateway, access_token) == 401


async def test_a_refused_change_says_why_and_can_be_mended(visit: Visit, gateway: Gateway):
    await gateway.add_user("bob")
    page = visit.page
    await sign_in(visit, gateway, "people")
    await press(page, "New user")
    await page.get_by_label("Name").fill("bob")
    await press(page, "Continue", "Create user")
    await expect(page.get_by_role("alert")).to_have_text("There is already a user of that name.")
    await press(page, "Back")
    await page.get_by_label("Name").fill("rob")
    await press(page, "Continue", "Create user")
    await expect(page.locator("#users")).to_contain_text("rob")


async def test_what_users_are_called_is_text_and_no_markup(visit: Visit, gateway: Gateway):
    """Names cannot hold a tag; notes can."""
    headers = await gateway.headers("root", "admin")
    note = "<img src=x onerror=alert(1)>"
    await gateway.client.post("/admin/users", headers=headers, json={"name": "bob", "note": note})
    await sign_in(visit, gateway, "people")
    await expect(visit.page.locator("#users tbody tr", has_text="bob")).to_contain_text(note)
    assert await visit.page.locator("#users img").count() == 0
