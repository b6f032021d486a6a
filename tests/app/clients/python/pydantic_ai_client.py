"""pydantic-ai, over completions and over responses."""

from collections.abc import Callable
from typing import Any

from gateways import (
    MODEL,
    Trip,
    check_picture,
    check_pieces,
    check_text,
    check_trip,
    check_weather,
    key,
    picture,
    url,
    weather,
)
from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


def abilities(kind: type[OpenAIChatModel] | type[OpenAIResponsesModel]) -> dict[str, Callable[[], object]]:
    def agent(ability: str, **options: Any) -> Agent:
        provider = OpenAIProvider(base_url=url(ability), api_key=key())
        return Agent(kind(MODEL, provider=provider), instructions="be brief", **options)

    async def text() -> None:
        check_text((await agent("text").run("hello")).output)

    async def stream() -> None:
        async with agent("text").run_stream("hello") as result:
            check_pieces([piece async for piece in result.stream_text(delta=True, debounce_by=None)])

    async def see() -> None:
        image = BinaryContent(picture(), media_type="image/png")
        check_picture((await agent("text").run(["look", image])).output)

    async def typed() -> None:
        check_trip((await agent("typed", output_type=NativeOutput(Trip)).run("hello")).output)
        check_trip((await agent("typed", output_type=ToolOutput(Trip, name="Trip")).run("hello")).output)

    async def tools() -> None:
        check_weather((await agent("tools", tools=[weather]).run("hello")).output)

    return {"text": text, "stream": stream, "picture": see, "typed": typed, "tools": tools}


CLIENTS = {
    "pydantic-ai, completions": abilities(OpenAIChatModel),
    "pydantic-ai, responses": abilities(OpenAIResponsesModel),
}
