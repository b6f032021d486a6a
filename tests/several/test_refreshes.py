"""A sign-in that is refreshed many times at once, at both gateways, stays one; nothing else waits for it."""

import asyncio
from collections import Counter

import pytest

from benchmarks.two_gateways import Site

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

REFRESHES = 300


async def test_all_refreshes_of_a_token_get_one_successor_and_revocations_are_read_meanwhile(
    site: Site,
) -> None:
    admin = {"Authorization": f"Bearer {site.admin}"}
    user_id, _ = await site.add_user()
    revoked_id, revoked = await site.add_user()
    async with site.client(0) as one, site.client(1) as other:
        fields = {"user_id": user_id, "scopes": ["chat"], "with_refresh": True}
        issued = (await one.post("/admin/tokens", headers=admin, json=fields)).json()
        form = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
        pairs: list[str] = []
        statuses: Counter[int] = Counter()

        async def refresh(number: int) -> None:
            response = await (one, other)[number % 2].post("/auth/token", data=form)
            statuses[response.status_code] += 1
            if response.status_code == 200:
                pairs.append(response.json()["refresh_token"])
            else:
                assert response.json()["code"] == "database_busy", response.text
                assert int(response.headers["retry-after"]) >= 1

        async with asyncio.TaskGroup() as group:
            for number in range(REFRESHES):
                group.create_task(refresh(number))
            body = {"user_id": revoked_id}
            response = await one.post("/admin/revocations", headers=admin, json=body)
            assert response.status_code == 204, response.text
        assert statuses[200] > 0
        assert len(set(pairs)) == 1, "one successor"
        assert (await other.post("/chat", headers=revoked, json={"prompt": "hi"})).status_code == 401
        form["refresh_token"] = pairs[0]
        assert (await other.post("/auth/token", data=form)).status_code == 200, "the sign-in goes on"
    await site.until_ready(0)
    await site.until_ready(1)
