"""Clients as they come from their package indexes, each in a process of its own, against real gateways."""

import base64
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest
from PIL import Image

from inference import parse_action
from testbed.servers import MissingServer

from ...conftest import leave_out
from ..conftest import StartGateway
from . import replayed, table
from .running import Gateways, run_clients, scripted_gateways

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

SCREENSHOT = Path(__file__).parents[3] / "samples" / "screenshot.png"


@pytest.fixture
async def gateways(tmp_path: Path) -> AsyncIterator[Gateways]:
    async with scripted_gateways(tmp_path) as given:
        yield given


@pytest.mark.servers
@pytest.mark.parametrize("environment", ["python", "instructor", "node"])
async def test_clients_can_do_what_the_table_says(gateways: Gateways, environment: str) -> None:
    """All at once: starting an interpreter and importing the clients takes longer than what they do."""
    try:
        results = await run_clients(environment, gateways)
    except MissingServer as error:
        leave_out(error)
    failures = {
        f"{client}, {ability}": outcome
        for client, abilities in results.items()
        for ability, outcome in abilities.items()
        if outcome != "ok"
    }
    assert not failures, "\n\n".join(f"{name}:\n{outcome}" for name, outcome in failures.items())
    assert set(table.rows(results)) <= set(table.read_rows()), "make clients writes the table again"


async def test_requests_of_other_clients_get_what_these_read(gateways: Gateways) -> None:
    results = await replayed.replay(gateways)
    assert set(table.rows(results)) <= set(table.read_rows()), "make clients writes the table again"


async def test_apple_gets_an_error_that_it_reads(gateways: Gateways) -> None:
    with pytest.raises(AssertionError, match='"error"'):
        await replayed.ask_as_apple(gateways["text"], gateways["key"], [], top_p=0.0)


async def embedded(start_gateway: StartGateway) -> tuple[str, str]:
    """The base URL and a key."""
    gateway = await start_gateway(backend="in_process", devices=("cpu",), request_timeout_seconds=300)
    key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    return f"http://127.0.0.1:{gateway.port}/v1", key


async def test_apples_generable_types_are_filled_by_the_included_model(start_gateway: StartGateway) -> None:
    url, key = await embedded(start_gateway)
    wrapper = {"name": "Trip", "schema": replayed.TRIP_SCHEMA, "strict": True}
    response = await replayed.ask_as_apple(
        url,
        key,
        [{"role": "user", "content": "Where do you want to go?"}],
        response_format={"type": "json_schema", "json_schema": wrapper},
    )
    jsonschema.validate(json.loads(response.text), replayed.TRIP_SCHEMA)


async def test_apples_pictures_are_seen_though_their_slashes_are_escaped(start_gateway: StartGateway) -> None:
    """A picture that is too long for the parser of JSON, whose base64 has slashes."""
    noise = random.Random(1).randbytes(256 * 256 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (256, 256), noise).save(file, "JPEG", quality=95)
    assert b"/" in base64.b64encode(file.getvalue())
    gateway = await start_gateway(scripted={"reply": "{prompt}"}, model_aliases=replayed.MODEL)
    key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    content = [{"type": "text", "text": "look"}, replayed.apple_picture(file.getvalue())]
    response = await replayed.ask_as_apple(
        f"http://127.0.0.1:{gateway.port}/v1", key, [{"role": "user", "content": content}]
    )
    assert response.text == "chat user: look image(256x256)"


async def test_open_autoglm_gets_an_action_from_the_included_model(start_gateway: StartGateway) -> None:
    url, key = await embedded(start_gateway)
    messages = replayed.open_autoglm_messages(SCREENSHOT.read_bytes())
    first = [messages[0], {"role": "user", "content": [messages[-1]["content"][0], *messages[1]["content"]]}]
    content = "".join(await replayed.ask_as_open_autoglm(url, key, first))
    _, marker, rest = content.partition("do(action=")
    assert marker
    action = parse_action(marker + rest)
    assert action["action"] == "Tap"


async def test_open_autoglm_reads_thoughts_from_the_content(start_gateway: StartGateway) -> None:
    tap = 'do(action="Tap", element=[500,250])'
    gateway = await start_gateway(
        scripted={"replies": [{"reasoning": "It is there.", "text": tap}]}, model_aliases=replayed.MODEL
    )
    key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    messages = replayed.open_autoglm_messages(SCREENSHOT.read_bytes())
    pieces = await replayed.ask_as_open_autoglm(f"http://127.0.0.1:{gateway.port}/v1", key, messages)
    assert "".join(pieces) == tap, "a model that is not AutoGLM's has its thoughts in reasoning_content"
    gateway = await start_gateway(
        scripted={"replies": [{"reasoning": "It is there.", "text": tap}]}, model_name=replayed.MODEL
    )
    key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    pieces = await replayed.ask_as_open_autoglm(f"http://127.0.0.1:{gateway.port}/v1", key, messages)
    assert "".join(pieces) == f"<think>It is there.</think><answer>{tap}"
