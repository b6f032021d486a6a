"""The names under which clients find the model."""

from pathlib import Path

import pytest

from ..conftest import StartGateway
from ..gateway import Gateway

pytestmark = pytest.mark.anyio

COMPLETIONS = "/v1/chat/completions"
EMBEDDED = "autoglm-phone-tiny"


def body(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}


async def listed(gateway: Gateway) -> list[str]:
    return [model["id"] for model in (await gateway.call("GET", "/v1/models")).json()["data"]]


async def test_model_has_the_served_name_and_aliases(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        model_name="Phone",
        model_aliases="zai-org/AutoGLM-Phone-9B, agent",
        limits={"requests_per_minute": 99},
    )
    assert await listed(gateway) == ["Phone", "zai-org/AutoGLM-Phone-9B", "agent"]
    for name in ("Phone", "phone", "AUTOGLM-PHONE-9B", "zai-org/AutoGLM-Phone-9B", "/models/agent", "Agent"):
        response = await gateway.call("POST", COMPLETIONS, json=body(name))
        assert (response.status_code, response.json()["model"]) == (200, "Phone"), name
    assert (await gateway.call("POST", "/chat", json={"prompt": "hi"})).json()["model"] == "Phone"


async def test_unknown_model_is_refused_with_the_names_that_exist(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(model_aliases="agent", limits={"requests_per_minute": 99})
    for name in ("gpt-5", "agent/gpt-5", "agen", "/", "agent/", "scripted/x"):
        response = await gateway.call("POST", COMPLETIONS, json=body(name))
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
        assert "Served here: scripted, agent." in error["message"]


async def test_model_can_be_read_by_each_of_its_names(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(model_aliases="zai-org/AutoGLM-Phone-9B")
    models = (await gateway.call("GET", "/v1/models")).json()["data"]
    for path in ("zai-org/AutoGLM-Phone-9B", "zai-org%2FAutoGLM-Phone-9B"):
        response = await gateway.call("GET", f"/v1/models/{path}")
        assert response.json() == models[1]
    assert models[1]["root"] == models[0]["id"] == "scripted"
    assert models[1]["max_model_len"] == 4096
    response = await gateway.call("GET", "/v1/models/nothing")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


async def test_directory_of_a_model_is_a_name_of_it(start_gateway: StartGateway) -> None:
    directory = Path(__file__).parents[3] / "inference" / "embedded"
    gateway = await start_gateway(
        backend="in_process", devices=("cpu",), model=str(directory), model_name="x"
    )
    assert await listed(gateway) == ["x"]
    for name in ("Embedded", str(directory)):
        assert (await gateway.call("POST", COMPLETIONS, json=body(name))).status_code == 200
    assert (await gateway.call("POST", COMPLETIONS, json=body("autoglm-phone-9b"))).status_code == 404


async def test_embedded_model_is_found_under_the_name_that_agents_use(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(backend="in_process", devices=("cpu",))
    assert await listed(gateway) == [EMBEDDED, "autoglm-phone-9b"]
    response = await gateway.call("POST", COMPLETIONS, json=body("autoglm-phone-9b"))
    assert (response.status_code, response.json()["model"]) == (200, EMBEDDED)
