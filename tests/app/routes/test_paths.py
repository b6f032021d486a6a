"""A route is reached by its own path alone. What is nearly the same is 404, in the shape of its errors."""

import re

import pytest
from starlette.routing import Route

from app.main import create_app
from app.schemas.problems import PROBLEM_JSON
from app.settings import Settings

from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

PARAMETERS = {
    **{"user_id": "usr_alice", "token_id": "tok_alice", "stream_id": "str_alice"},
    **{"path": "main.js", "model_id": "scripted"},
}
ROUTES = sorted(
    {
        (
            sorted(route.methods or ())[0],
            re.sub(r"{(\w+)(:\w+)?}", lambda found: PARAMETERS[found[1]], route.path),
        )
        for route in create_app(Settings(_env_file=None)).router.routes
        if isinstance(route, Route)
    }
)
ENDINGS = ("%0a", "%0d", "%0d%0a", "%00", "%09", "%7f", "%0a%0a", "/", "//", "%2f", "%2f%0a", "/%0a")
# Where a parameter ends the path these are part of it, and refused for what they are.
ENDINGS_OF_FIXED_PATHS = (";", ";x=1", "%20", "%3f", "%ff", "%e2%80%a8", ".", "%23")


def has_no_parameter(path: str) -> bool:
    return not path.endswith(tuple(PARAMETERS.values()))


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda value: value)
async def test_nearly_a_path_is_not_found(gateway: Gateway, method: str, path: str) -> None:
    headers = await gateway.headers("root", "chat vision speech admin ops")
    endings = ENDINGS + (ENDINGS_OF_FIXED_PATHS if has_no_parameter(path) else ())
    others = (
        f"/{path}",
        path.replace("/", "%2f", 1),
        path.replace("/", "/%0a", 1),
        f"/.{path}",
        f"/x/..{path}",
    )
    for nearly in (*(path + ending for ending in endings), *others):
        # The target goes out as it is: a client that resolves `/x/..` would not send it.
        reader, writer = await gateway.connect()
        head = [f"{method} {'/' + nearly if nearly.startswith('%') else nearly} HTTP/1.1", "Host: gateway"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*head, "Content-Length: 0", "Connection: close", "", ""]).encode())
        response = await reader.read()
        writer.close()
        lines, _, body = response.partition(b"\r\n\r\n")
        assert lines.startswith(b"HTTP/1.1 404 "), (nearly, response)
        if nearly.startswith("/v1/"):
            assert b"\r\ncontent-type: application/json" in lines, nearly
            assert method == "HEAD" or body.startswith(b'{"error":'), nearly
        else:
            assert f"\r\ncontent-type: {PROBLEM_JSON}".encode() in lines, nearly
        is_model = nearly.startswith("/v1/models/") and b'"code":"model_not_found"' in body
        assert method == "HEAD" or is_model or b'"code":"not_found"' in body, nearly


@pytest.mark.parametrize(
    "parameter", ["usr_a;x", "usr_%ff", "usr_%e2%80%a8", "usr_a%20", "..", "%2e%2e", "usr_'--"]
)
async def test_odd_parameters_are_refused(gateway: Gateway, parameter: str) -> None:
    headers = await gateway.headers("root", "admin")
    response = await gateway.client.get(f"/admin/users/{parameter}", headers=headers)
    assert (response.status_code, response.headers["content-type"]) in (
        (404, PROBLEM_JSON),
        (422, PROBLEM_JSON),
    )
