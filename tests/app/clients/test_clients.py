"""Clients as they come from their package indexes, each in a process of its own, against real gateways."""

import base64
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import jsonschema
import openai
import pytest
from PIL import Image
from pydantic import BaseModel

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


class Trip(BaseModel):
    city: Literal["Rome", "Oslo"]
    days: Literal[1, 2, 3]


async def test_openais_sdk_gets_types_and_calls_from_the_included_model(start_gateway: StartGateway) -> None:
    url, key = await embedded(start_gateway)
    messages: list[Any] = [{"role": "user", "content": "Where do you want to go?"}]
    tool: Any = openai.pydantic_function_tool(Trip)
    async with openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
        completion = await client.chat.completions.parse(
            model=replayed.MODEL, messages=messages, response_format=Trip
        )
        assert isinstance(completion.choices[0].message.parsed, Trip)
        response = await client.responses.parse(model=replayed.MODEL, input="Where to?", text_format=Trip)
        assert isinstance(response.output_parsed, Trip)
        async with client.chat.completions.stream(
            model=replayed.MODEL,
            messages=messages,
            tools=[tool],
            tool_choice="required",
            parallel_tool_calls=False,
        ) as stream:
            choice = (await stream.get_final_completion()).choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls is not None
        (call,) = choice.message.tool_calls
        assert isinstance(call.function.parsed_arguments, Trip)
        messages.append(choice.message.model_dump(exclude_none=True))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "booked"})
        completion = await client.chat.completions.create(
            model=replayed.MODEL, messages=messages, tools=[tool], tool_choice="none"
        )
        assert completion.choices[0].message.content


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
