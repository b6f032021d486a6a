"""The address of the client, which proxies the gateway trusts with it, and the operators' pages."""

import pytest

from app.main import create_app
from app.settings import Settings

from ..app.conftest import StartGateway
from .conftest import StartNginx
from .fake_gateway import fake_gateway

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PHONE, OTHER_PHONE, BALANCER = "127.0.0.2", "127.0.0.3", "127.0.0.9"
NEVER_VALID = {"Authorization": "Bearer never.valid.token"}
LIES = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "http",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1",
}


async def test_gateway_gets_the_address_of_the_connection_whatever_the_client_sends(
    start_nginx: StartNginx,
) -> None:
    async with fake_gateway() as gateway, start_nginx(gateway.port).client(PHONE) as client:
        await client.get("/x", headers=LIES)
    headers = gateway.requests[0].headers
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == (PHONE, "https")
    assert headers["host"] == "localhost"


async def test_proxy_in_front_is_trusted_only_if_the_operator_configures_it(start_nginx: StartNginx) -> None:
    async with fake_gateway() as gateway:
        nginx = start_nginx(gateway.port, NGINX_TRUSTED_PROXIES=f"{BALANCER}, 10.0.0.0/8")
        for address in (BALANCER, PHONE):
            async with nginx.client(address) as client:
                headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.5, 10.1.2.3"}
                await client.get("/x", headers=headers)
    told = [request.headers["x-forwarded-for"] for request in gateway.requests]
    assert told == ["203.0.113.5", PHONE], "the last address that no believed proxy has"


async def test_rate_limit_of_failed_sign_ins_counts_the_phone_and_not_nginx(
    start_gateway: StartGateway, start_nginx: StartNginx
) -> None:
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 3})
    nginx = start_nginx(gateway.port)
    async with nginx.client(PHONE) as phone, nginx.client(OTHER_PHONE) as other:
        statuses = [(await phone.get("/v1/models", headers=NEVER_VALID | LIES)).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert (await other.get("/v1/models", headers=NEVER_VALID)).status_code == 401


async def test_gateway_trusts_its_proxy_alone(start_gateway: StartGateway) -> None:
    """Requests that bypass nginx: only the address of the proxy may name another."""
    for proxy, status in (("127.0.0.77", 429), ("127.0.0.1", 401)):
        gateway = await start_gateway(limits={"auth_attempts_per_minute": 1}, forwarded_allow_ips=proxy)
        for address, expected in (("192.0.2.1", 401), ("192.0.2.2", status)):
            headers = NEVER_VALID | {"X-Forwarded-For": address}
            assert (await gateway.client.get("/v1/models", headers=headers)).status_code == expected


async def test_metrics_are_closed_through_nginx(start_gateway: StartGateway, start_nginx: StartNginx) -> None:
    """For every address: the exemption is for connections to the gateway itself."""
    gateway = await start_gateway(metrics_networks=("127.0.0.0/8",))
    async with start_nginx(gateway.port).client(PHONE) as client:
        assert (await client.get("/metrics")).status_code == 401
    assert (await gateway.client.get("/metrics")).status_code == 200


def operators_paths() -> list[str]:
    paths = {str(getattr(route, "path", "")) for route in create_app(Settings(_env_file=None)).routes}
    return sorted(path for path in paths if path.startswith(("/admin", "/metrics", "/ops")))


async def test_operators_pages_are_closed_to_other_networks(start_nginx: StartNginx) -> None:
    async with fake_gateway() as gateway:
        nginx = start_nginx(gateway.port, NGINX_OPERATOR_NETWORKS=f"{PHONE}/32, 2001:db8::/32")
        async with nginx.client(PHONE) as operator, nginx.client(OTHER_PHONE) as stranger:
            for path in operators_paths():
                assert (await operator.get(path)).status_code == 200
                refused = await stranger.get(path, headers={"X-Forwarded-For": PHONE})
                assert (refused.status_code, refused.json()["code"]) == (403, "address_not_allowed"), path
            assert len(gateway.requests) == len(operators_paths()) >= 8
            assert (await stranger.get("/administrator")).status_code == 200, "not what it is about"


WRITTEN_DIFFERENTLY = [
    "/admin",
    "/admin/",
    "/admin/users?x=1",
    "//admin/users",
    "/./admin/users",
    "/x/../admin/users",
    "/x/%2e%2e/admin/users",
    "/%61dmin/users",
    "/admin%2Fusers",
    "/metrics%0A",
    "/metrics#",
    "http://localhost/metrics",
    "/ops/",
]
NOT_THEIRS = ["/%2561dmin/users", "/Admin/users", "/admin;x/users", "/x/admin/users", "/metricsx"]


async def test_no_spelling_of_a_path_bypasses_it(
    start_gateway: StartGateway, start_nginx: StartNginx
) -> None:
    """A path that nginx lets through is no operators' page for the gateway either."""
    gateway = await start_gateway()
    nginx = start_nginx(gateway.port, NGINX_OPERATOR_NETWORKS="192.0.2.0/24")
    for targets, status in ((WRITTEN_DIFFERENTLY, 403), (NOT_THEIRS, 404)):
        for target in targets:
            response = await nginx.curl("", "--http1.1", "--request-target", target)
            assert response.status == status, target
