import pytest
from pydantic import SecretStr, ValidationError

from app.ops.readiness import Readiness
from app.routes.health import is_in_networks
from app.settings import Settings

pytestmark = pytest.mark.anyio

ELSEWHERE = ("192.0.2.0/24",)


async def test_healthz_says_that_the_process_lives(gateway):
    response = await gateway.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_readyz_is_200_when_everything_is_there(gateway):
    response = await gateway.client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "components": {"model": "ready", "database": "ready", "limiter": "ready"},
    }


async def test_readyz_is_503_without_a_model_and_healthz_is_not(gateway):
    await gateway.services.backend.aclose(0)
    response = await gateway.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["components"]["model"] == "unavailable"
    assert (await gateway.client.get("/healthz")).status_code == 200


@pytest.mark.servers
async def test_readyz_is_degraded_while_the_database_is_away(start_gateway, postgres_server, postgres_url):
    gateway = await start_gateway(database_url=SecretStr(postgres_url))
    postgres_server.stop()
    await gateway.services.account_changes.notice_now()
    away = await gateway.client.get("/readyz")
    assert away.status_code == 200
    assert away.json()["status"] == "degraded"
    assert away.json()["components"]["database"] == "degraded"
    assert str(postgres_server.port) not in away.text

    postgres_server.start()
    await gateway.services.account_changes.notice_now()
    assert (await gateway.client.get("/readyz")).json()["status"] == "ready"


@pytest.mark.servers
@pytest.mark.parametrize(
    ("policy", "status_code", "state"), [("local", 200, "degraded"), ("refuse", 503, "unavailable")]
)
async def test_readyz_says_what_it_means_that_redis_is_away(
    start_gateway, redis_server, policy, status_code, state
):
    gateway = await start_gateway(
        redis_url=SecretStr(redis_server.url), limits={"when_redis_is_away": policy}
    )
    redis_server.stop()
    await gateway.call("POST", "/chat", json={"prompt": "hello"})  # it finds Redis gone
    response = await gateway.client.get("/readyz")
    assert (response.status_code, response.json()["components"]["limiter"]) == (status_code, state)


@pytest.mark.parametrize(
    ("states", "overall"),
    [
        (("ready", "ready", "ready"), "ready"),
        (("degraded", "ready", "ready"), "degraded"),
        (("degraded", "degraded", "unavailable"), "unavailable"),
    ],
)
async def test_the_worst_part_decides(states, overall):
    assert Readiness(*states).overall == overall


async def test_metrics_are_open_to_listed_addresses(gateway):
    response = await gateway.client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "gateway_build_info" in response.text


async def test_metrics_need_scope_ops_from_other_addresses(start_gateway):
    gateway = await start_gateway(metrics_networks=ELSEWHERE)
    assert (await gateway.client.get("/metrics")).status_code == 401
    for scopes, status_code in (("chat admin", 403), ("ops", 200)):
        headers = await gateway.headers("bob", scopes)
        assert (await gateway.client.get("/metrics", headers=headers)).status_code == status_code


async def test_metrics_are_not_open_to_who_comes_through_a_trusted_proxy(gateway):
    response = await gateway.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("unknown", False),
        ("", False),
    ],
)
async def test_addresses_are_matched_against_networks(address, is_in):
    assert is_in_networks(address, ("127.0.0.0/8", "::1/128")) is is_in


async def test_a_network_that_is_none_stops_the_start():
    with pytest.raises(ValidationError, match="write networks like"):
        Settings(_env_file=None, metrics_networks=("localhost",))


async def test_a_generation_shows_up_in_the_metrics(gateway):
    await gateway.call("POST", "/chat", json={"prompt": "one two three"})
    await gateway.call("POST", "/chat", json={"nonsense": 1})
    text = (await gateway.client.get("/metrics")).text
    assert 'gateway_requests_total{outcome="ok",route="/chat",status_class="2xx"} 1.0' in text
    assert 'gateway_refusals_total{code="invalid_request"} 1.0' in text
    labels = 'gen_ai_operation_name="chat",gen_ai_request_model="scripted"'
    assert f"gen_ai_server_time_to_first_token_seconds_count{{{labels}}} 1.0" in text
    assert f'gen_ai_client_token_usage_sum{{{labels},gen_ai_token_type="input"}} 3.0' in text


async def test_addresses_that_do_not_exist_are_one_route(gateway):
    for path in ("/nowhere", "/secret/path"):
        assert (await gateway.client.get(path)).status_code == 404
    text = (await gateway.client.get("/metrics")).text
    assert 'gateway_requests_total{outcome="refused",route="unmatched",status_class="4xx"} 2.0' in text
    assert "secret" not in text
