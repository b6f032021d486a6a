"""Web pages of other origins: what nginx lets through, and its own errors."""

import pytest

from ..app.conftest import StartGateway
from .conftest import StartNginx
from .fake_gateway import fake_gateway, hang_up
from .nginx_server import CurlResponse

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

APP = "https://app.example.com"
PREFLIGHT = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: POST"]


def allowed_origin(response: CurlResponse) -> str | None:
    return response.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_preflight_passes(start_gateway: StartGateway, start_nginx: StartNginx, version: str) -> None:
    gateway = await start_gateway(cors_origins=APP)
    nginx = start_nginx(gateway.port, NGINX_CORS_ORIGINS=APP)
    asked = [*PREFLIGHT, "-H", "Access-Control-Request-Headers: authorization"]
    response = await nginx.curl("/chat", version, *asked, "-H", f"Origin: {APP}")
    assert (response.status, allowed_origin(response)) == (200, APP)
    assert response.headers["access-control-allow-headers"] == "authorization"
    refused = await nginx.curl("/chat", version, "-H", f"Origin: {APP}", "--json", "{}")
    assert (refused.status, allowed_origin(refused)) == (401, APP)


@pytest.mark.parametrize(
    ("origins", "origin", "path", "allowed"),
    [
        ("", APP, "/chat", None),
        (f"{APP}, capacitor://localhost", APP, "/v1/models", APP),
        (f"{APP}, capacitor://localhost", "capacitor://localhost", "/chat", "capacitor://localhost"),
        (APP, "https://app.example.com.evil.example", "/chat", None),
        (APP, "https://appxexample.com", "/chat", None),
        ("*", "https://anywhere.example", "/chat", "*"),
        ("*", APP, "/ops", None),
        ("*", APP, "/admin/users", None),
    ],
)
async def test_errors_of_nginx_can_be_read_by_listed_origins_alone(
    start_nginx: StartNginx, origins: str, origin: str, path: str, allowed: str | None
) -> None:
    async with fake_gateway(hang_up) as gateway:
        nginx = start_nginx(gateway.port, NGINX_CORS_ORIGINS=origins)
        response = await nginx.curl(path, "-H", f"Origin: {origin}")
    assert (response.status, allowed_origin(response)) == (502, allowed)
    exposed = response.headers.get("access-control-expose-headers")
    assert exposed == (None if allowed is None else "X-Request-ID, Retry-After")
