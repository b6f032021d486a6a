"""instructor, which returns types and has no text of its own: its client passes that to OpenAI's."""

import json

import instructor
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
from openai import OpenAI

HELLO = [{"role": "user", "content": "hello"}]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "of a city", "parameters": WEATHER_SCHEMA},
}


def client(ability: str, mode: instructor.Mode = instructor.Mode.TOOLS) -> instructor.Instructor:
    return instructor.from_openai(OpenAI(base_url=url(ability), api_key=key(), max_retries=0), mode=mode)


def text() -> None:
    completion = client("text").chat.completions.create(model=MODEL, messages=HELLO, response_model=None)
    check_text(completion.choices[0].message.content)


def stream() -> None:
    chunks = client("text").chat.completions.create(
        model=MODEL, messages=HELLO, response_model=None, stream=True
    )
    check_pieces([chunk.choices[0].delta.content or "" for chunk in chunks])
    *_, last = client("typed").chat.completions.create_partial(
        model=MODEL, messages=HELLO, response_model=Trip
    )
    check_trip(Trip.model_validate(last.model_dump()))


def picture() -> None:
    content = ["look", instructor.Image.from_base64(picture_url())]
    completion = client("text").chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": content}], response_model=None
    )
    check_picture(completion.choices[0].message.content)


def typed() -> None:
    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA, instructor.Mode.JSON):
        trip = client("typed", mode).chat.completions.create(
            model=MODEL, messages=HELLO, response_model=Trip, max_retries=0
        )
        check_trip(Trip.model_validate(trip.model_dump()))


def tools() -> None:
    create = client("tools").chat.completions.create
    messages: list = [*HELLO]
    options = {"model": MODEL, "response_model": None, "tools": [TOOL]}
    message = create(messages=messages, **options).choices[0].message
    (call,) = message.tool_calls
    messages.append(message.model_dump())
    result = weather(**json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    check_weather(create(messages=messages, **options).choices[0].message.content)


CLIENTS = {"instructor": {"text": text, "stream": stream, "picture": picture, "typed": typed, "tools": tools}}
