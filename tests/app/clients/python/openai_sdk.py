"""OpenAI's SDK: completions and responses, synchronous and asynchronous."""

import json

from gateways import (
    MODEL,
    WEATHER_SCHEMA,
    Trip,
    check_picture,
    check_pieces,
    check_text,
    check_trip,
    check_weather,
    key,
    picture_url,
    url,
    weather,
)
from openai import AsyncOpenAI, OpenAI

FUNCTION = {"name": "weather", "description": "of a city", "parameters": WEATHER_SCHEMA, "strict": True}
CHAT_TOOL = {"type": "function", "function": FUNCTION}
RESPONSE_TOOL = {"type": "function", **FUNCTION}
HELLO = [{"role": "user", "content": "hello"}]


def sync(ability: str) -> OpenAI:
    return OpenAI(base_url=url(ability), api_key=key(), max_retries=0)


def asynchronous(ability: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=url(ability), api_key=key(), max_retries=0)


def look() -> list:
    text = {"type": "text", "text": "look"}
    return [{"role": "user", "content": [text, {"type": "image_url", "image_url": {"url": picture_url()}}]}]


def look_input() -> list:
    text = {"type": "input_text", "text": "look"}
    return [{"role": "user", "content": [text, {"type": "input_image", "image_url": picture_url()}]}]


# Chat completions


def chat_text() -> None:
    check_text(sync("text").chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content)


def chat_stream() -> None:
    stream = sync("text").chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    check_pieces([chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices])
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens == 0


def chat_picture() -> None:
    check_picture(
        sync("text").chat.completions.create(model=MODEL, messages=look()).choices[0].message.content
    )


def chat_typed() -> None:
    completion = sync("typed").chat.completions.parse(model=MODEL, messages=HELLO, response_format=Trip)
    check_trip(completion.choices[0].message.parsed)


def chat_tools() -> None:
    client = sync("tools")
    messages: list = [*HELLO]
    message = (
        client.chat.completions.create(model=MODEL, messages=messages, tools=[CHAT_TOOL]).choices[0].message
    )
    (call,) = message.tool_calls
    messages.append(message.model_dump(exclude_none=True))
    result = weather(**json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=[CHAT_TOOL]) as stream:
        check_weather(stream.get_final_completion().choices[0].message.content)


async def async_chat_text() -> None:
    completion = await asynchronous("text").chat.completions.create(model=MODEL, messages=HELLO)
    check_text(completion.choices[0].message.content)


async def async_chat_stream() -> None:
    stream = await asynchronous("text").chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    check_pieces([chunk.choices[0].delta.content or "" async for chunk in stream])


async def async_chat_picture() -> None:
    completion = await asynchronous("text").chat.completions.create(model=MODEL, messages=look())
    check_picture(completion.choices[0].message.content)


async def async_chat_typed() -> None:
    completion = await asynchronous("typed").chat.completions.parse(
        model=MODEL, messages=HELLO, response_format=Trip
    )
    check_trip(completion.choices[0].message.parsed)


async def async_chat_tools() -> None:
    client = asynchronous("tools")
    messages: list = [*HELLO]
    async with client.chat.completions.stream(model=MODEL, messages=messages, tools=[CHAT_TOOL]) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    (call,) = message.tool_calls
    function = {"name": call.function.name, "arguments": call.function.arguments}
    messages.append(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call.id, "type": "function", "function": function}],
        }
    )
    result = weather(**json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    completion = await client.chat.completions.create(model=MODEL, messages=messages, tools=[CHAT_TOOL])
    check_weather(completion.choices[0].message.content)


# Responses


def responses_text() -> None:
    check_text(sync("text").responses.create(model=MODEL, input="hello").output_text)


def responses_stream() -> None:
    events = list(sync("text").responses.create(model=MODEL, input="hello", stream=True))
    check_pieces([event.delta for event in events if event.type == "response.output_text.delta"])
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage.output_tokens > 0


def responses_picture() -> None:
    check_picture(sync("text").responses.create(model=MODEL, input=look_input()).output_text)


def responses_typed() -> None:
    check_trip(sync("typed").responses.parse(model=MODEL, input="hello", text_format=Trip).output_parsed)


def responses_tools() -> None:
    client = sync("tools")
    conversation: list = [*HELLO]
    response = client.responses.create(model=MODEL, input=conversation, tools=[RESPONSE_TOOL])
    (call,) = response.output
    conversation += response.output
    result = weather(**json.loads(call.arguments))
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    check_weather(client.responses.create(model=MODEL, input=conversation, tools=[RESPONSE_TOOL]).output_text)


async def async_responses_text() -> None:
    check_text((await asynchronous("text").responses.create(model=MODEL, input="hello")).output_text)


async def async_responses_stream() -> None:
    async with asynchronous("text").responses.stream(model=MODEL, input="hello") as stream:
        check_pieces([event.delta async for event in stream if event.type == "response.output_text.delta"])
        check_text((await stream.get_final_response()).output_text)


async def async_responses_picture() -> None:
    check_picture((await asynchronous("text").responses.create(model=MODEL, input=look_input())).output_text)


async def async_responses_typed() -> None:
    response = await asynchronous("typed").responses.parse(model=MODEL, input="hello", text_format=Trip)
    check_trip(response.output_parsed)


async def async_responses_tools() -> None:
    client = asynchronous("tools")
    conversation: list = [*HELLO]
    async with client.responses.stream(model=MODEL, input=conversation, tools=[RESPONSE_TOOL]) as stream:
        async for _ in stream:
            pass
        response = await stream.get_final_response()
    (call,) = response.output
    conversation.append(
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    )
    result = weather(**json.loads(call.arguments))
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    response = await client.responses.create(model=MODEL, input=conversation, tools=[RESPONSE_TOOL])
    check_weather(response.output_text)


CLIENTS = {
    "OpenAI for Python, completions": {
        "text": chat_text,
        "stream": chat_stream,
        "picture": chat_picture,
        "typed": chat_typed,
        "tools": chat_tools,
    },
    "OpenAI for Python, completions, async": {
        "text": async_chat_text,
        "stream": async_chat_stream,
        "picture": async_chat_picture,
        "typed": async_chat_typed,
        "tools": async_chat_tools,
    },
    "OpenAI for Python, responses": {
        "text": responses_text,
        "stream": responses_stream,
        "picture": responses_picture,
        "typed": responses_typed,
        "tools": responses_tools,
    },
    "OpenAI for Python, responses, async": {
        "text": async_responses_text,
        "stream": async_responses_stream,
        "picture": async_responses_picture,
        "typed": async_responses_typed,
        "tools": async_responses_tools,
    },
}
