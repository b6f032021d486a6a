import datetime

import pytest

pytestmark = pytest.mark.anyio


async def test_usage_is_the_callers_own_by_day(gateway):
    await gateway.call("POST", "/chat", json={"prompt": "one two", "max_tokens": 2})
    await gateway.call("POST", "/chat", json={"prompt": "one", "max_tokens": 3})
    bob = await gateway.headers("bob")
    await gateway.client.post("/chat", json={"prompt": "a b c d e f"}, headers=bob)
    await gateway.services.usage_writer.flush()

    response = await gateway.call("GET", "/me/usage")
    assert response.status_code == 200
    expected = {"requests": 2, "prompt_tokens": 3, "completion_tokens": 5}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert response.json() == {"days": [{"day": today, **expected}], "total": expected}


async def test_nothing_used_is_an_empty_list(gateway):
    response = await gateway.call("GET", "/me/usage")
    assert response.json() == {
        "days": [],
        "total": {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0},
    }


async def test_refused_requests_are_not_usage(gateway):
    await gateway.call("POST", "/chat", json={"nonsense": 1})
    await gateway.services.usage_writer.flush()
    assert (await gateway.call("GET", "/me/usage")).json()["total"]["requests"] == 0


@pytest.mark.parametrize("days", ["0", "367", "-1", "x"])
async def test_days_are_bounded(gateway, days):
    response = await gateway.call("GET", f"/me/usage?days={days}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["/me/usage", "/limits"])
async def test_every_valid_token_may_ask_and_nobody_else(gateway, path):
    assert (await gateway.client.get(path)).status_code == 401
    headers = await gateway.headers("bob", "speech")
    assert (await gateway.client.get(path, headers=headers)).status_code == 200


async def test_limits_say_what_may_be_sent(gateway):
    limits = (await gateway.call("GET", "/limits")).json()
    media = gateway.services.settings.media
    assert limits["requests_per_minute"] == 10_000
    assert limits["max_json_bytes"] == media.max_json_bytes
    assert limits["images"]["max_count"] == media.max_images
    assert {"jpeg", "heic"} <= set(limits["images"]["formats"])
    assert {"m4a", "ogg"} <= set(limits["audio"]["formats"])
    assert limits["audio"]["max_seconds"] == media.max_audio_seconds
    assert limits["modalities"] == ["audio", "image", "text"]
    assert "daily_tokens" not in limits


async def test_limits_are_those_of_the_user(gateway):
    await gateway.add_user("carol", requests_per_minute=3, concurrent_requests=1, daily_tokens=500)
    headers = await gateway.headers("carol")
    limits = (await gateway.client.get("/limits", headers=headers)).json()
    told = (limits["requests_per_minute"], limits["concurrent_requests"], limits["daily_tokens"])
    assert told == (3, 1, 500)
