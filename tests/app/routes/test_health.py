import httpx
import pytest
from pydantic import SecretStr, ValidationError

from app.ops.readiness import Readiness
from app.settings import Settings

from ..gateway import serving

pytestmark = pytest.mark.anyio

ELSEWHERE = ("192.0.2.0/24",)


async def test_healthz_says_that_the_process_lives(gateway):
    response = await gateway.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_may_send_head(start_gateway, path):
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 1})
    whole = await gateway.client.get(path)
    for _ in range(3):  # not limited per address, as calls without a token otherwise are
        response = await gateway.client.head(path)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == whole.headers["content-length"]
    refused = await gateway.client.post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    await gateway.services.backend.aclose(0)
    assert (await gateway.client.head("/readyz")).status_code == 503


async def test_head_is_not_an_operation_of_its_own(gateway):
    document = (await gateway.client.get("/openapi.json")).json()
    assert all("head" not in operations for operations in document["paths"].values())


async def test_readyz_is_200_when_everything_is_there(gateway):
    response = await gateway.client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "components": {
            "model": "ready",
            "database": "ready",
            "limiter": "ready",
            "usage": "ready",
            "media": "ready",
        },
        "media_sandbox": {"limits": True, "seccomp": True, "landlock": True},
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
    await gateway.services.account_changes.refresh_now()
    response = await gateway.client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["components"]["database"] == "degraded"
    assert str(postgres_server.port) not in response.text

    postgres_server.start()
    await gateway.services.account_changes.refresh_now()
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
        (("ready", "ready", "ready", "ready", "ready"), "ready"),
        (("degraded", "ready", "ready", "ready", "ready"), "degraded"),
        (("ready", "ready", "ready", "degraded", "ready"), "degraded"),
        (("ready", "ready", "ready", "ready", "degraded"), "degraded"),
        (("degraded", "degraded", "unavailable", "degraded", "ready"), "unavailable"),
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


FORWARDED_BY = [
    {"X-Forwarded-For": "203.0.113.9"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "gateway.example.com"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
    {"CF-Connecting-IP": "203.0.113.9"},
    {"True-Client-IP": "203.0.113.9"},
    {"X-Client-IP": "203.0.113.9"},
    {"X-Proxy-Seconds": "0.001"},
]


@pytest.mark.parametrize("trusted", ["", "127.0.0.1", "*"])
async def test_metrics_are_not_open_to_what_passed_a_proxy(start_gateway, trusted):
    gateway = await start_gateway(
        forwarded_allow_ips=trusted,
        limits={"auth_attempts_per_minute": 10_000, "requests_per_minute": 10_000},
    )
    headers = await gateway.headers("bob", "ops")
    for header in FORWARDED_BY:
        assert (await gateway.client.get("/metrics", headers=header)).status_code == 401, header
        assert (await gateway.client.get("/metrics", headers=headers | header)).status_code == 200, header


def loopback_addresses(host):
    """Where a client on this machine reaches a socket that listens there, as URLs write it."""
    return {"127.0.0.1": ("127.0.0.1",), "::1": ("[::1]",), "::": ("127.0.0.1", "[::1]")}[host]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
async def test_metrics_are_open_to_both_addresses_of_this_machine(start_gateway, host):
    """Also where one socket takes both, which sees IPv4 clients as `::ffff:127.0.0.1`."""
    gateway = await start_gateway(metrics_networks="127.0.0.1")
    async with serving(gateway.app, host=host) as port, httpx.AsyncClient(verify=False) as client:
        for address in loopback_addresses(host):
            assert (await client.get(f"http://{address}:{port}/metrics")).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
@pytest.mark.parametrize("trusted", ["127.0.0.1", "::1", "localhost", "127.0.0.0/8"])
async def test_proxies_on_this_machine_are_believed_at_either_address(start_gateway, host, trusted):
    gateway = await start_gateway(forwarded_allow_ips=trusted, limits={"auth_attempts_per_minute": 1})
    addresses = iter(range(1, 9))
    proxies = gateway.app.state.settings.trusted_proxies
    async with serving(gateway.app, proxies, host=host) as port, httpx.AsyncClient(verify=False) as client:
        for proxy in loopback_addresses(host):
            for _ in range(2):  # each client is counted for itself
                headers = {"X-Forwarded-For": f"203.0.113.{next(addresses)}", "Authorization": "Bearer a.b.c"}
                response = await client.get(f"http://{proxy}:{port}/limits", headers=headers)
                assert response.status_code == 401


async def test_a_network_that_is_none_stops_the_start():
    with pytest.raises(ValidationError, match="write networks like"):
        Settings(_env_file=None, metrics_networks=("prometheus",))


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
