"""What one user sees of two gateways is one: limits, revocation, keys."""

import asyncio
import json

import httpx
import pytest

from benchmarks.two_gateways import SHORT, Site

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

LONG = {"prompt": "hi", "stream": True, "max_tokens": 1_500}  # 30 seconds


async def test_requests_are_counted_as_one(site: Site) -> None:
    _, header = await site.add_user(requests_per_minute=7, concurrent_requests=100)
    assert await site.statuses(header, 20) == {200: 7, 429: 13}


async def test_concurrent_requests_are_counted_as_one(site: Site) -> None:
    _, header = await site.add_user(concurrent_requests=2)
    async with site.client(0) as one, site.client(1) as other:
        async with (
            one.stream("POST", "/chat", headers=header, json=LONG) as first,
            other.stream("POST", "/chat", headers=header, json=LONG) as second,
        ):
            assert (first.status_code, second.status_code) == (200, 200)
            for client in (one, other):
                refused = await client.post("/chat", headers=header, json=SHORT)
                assert refused.json()["code"] == "concurrency_limit_exceeded"
                assert int(refused.headers["retry-after"]) >= 1
        await site.until_one(1, lambda client: is_accepted(client, header))


async def is_accepted(client: httpx.AsyncClient, header: dict[str, str]) -> bool:
    return (await client.post("/chat", headers=header, json=SHORT)).status_code == 200


async def test_tokens_of_the_day_are_counted_as_one(site: Site) -> None:
    _, header = await site.add_user(daily_tokens=60)
    used = 0
    async with site.client(0) as one, site.client(1) as other:
        for client in (one, other) * 20:
            response = await client.post("/chat", headers=header, json=SHORT)
            if response.status_code == 429:
                break
            used += response.json()["usage"]["total_tokens"]
        assert response.json()["code"] == "daily_tokens_exceeded"
        other_response = await one.post("/chat", headers=header, json=SHORT)
        assert other_response.json()["code"] == "daily_tokens_exceeded"
        usage = await one.get("/me/usage", headers=header)
    assert 0 < used <= 60
    assert usage.status_code == 200


async def test_revocation_at_one_ends_a_stream_of_the_other(site: Site) -> None:
    user_id, header = await site.add_user()
    admin = {"Authorization": f"Bearer {site.admin}"}
    async with site.client(0) as one, site.client(1) as other:
        async with other.stream("POST", "/chat", headers=header, json=LONG) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines), "it has begun"
            revoked = await one.post("/admin/revocations", headers=admin, json={"user_id": user_id})
            assert revoked.status_code == 204, revoked.text
            async with asyncio.timeout(10):  # of the 30 that it would take
                *_, last = [json.loads(line[6:]) async for line in lines if line.startswith("data: {")]
        assert last["code"] == "token_revoked"
        assert (await other.post("/chat", headers=header, json=SHORT)).status_code == 401


async def test_a_rotated_key_is_known_to_both_and_the_old_one_stays_valid(site: Site) -> None:
    _, header = await site.add_user()
    new = await site.gateways[0].run("keys", "rotate")

    async def has_new_key(client: httpx.AsyncClient) -> bool:
        keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
        return new in {key["kid"] for key in keys}

    await site.until(has_new_key)
    assert await site.statuses(header, 4) == {200: 4}
    _, new_header = await site.add_user()
    assert await site.statuses(new_header, 4) == {200: 4}
