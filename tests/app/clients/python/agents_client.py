"""OpenAI Agents, over completions and over responses, which are its default."""

from collections.abc import Callable
from typing import Any

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from gateways import (
    MODEL,
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
from openai import AsyncOpenAI

set_tracing_disabled(True)


def abilities(
    kind: type[OpenAIChatCompletionsModel] | type[OpenAIResponsesModel],
) -> dict[str, Callable[[], object]]:
    def agent(ability: str, **options: Any) -> Agent:
        client = AsyncOpenAI(base_url=url(ability), api_key=key(), max_retries=0)
        return Agent(name="helper", instructions="be brief", model=kind(MODEL, client), **options)

    async def text() -> None:
        check_text((await Runner.run(agent("text"), "hello")).final_output)

    async def stream() -> None:
        result = Runner.run_streamed(agent("text"), "hello")
        events = [event.data async for event in result.stream_events() if event.type == "raw_response_event"]
        check_pieces([event.delta for event in events if event.type == "response.output_text.delta"])

    async def picture() -> None:
        parts = [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": picture_url(), "detail": "auto"},
        ]
        check_picture((await Runner.run(agent("text"), [{"role": "user", "content": parts}])).final_output)

    async def typed() -> None:
        check_trip((await Runner.run(agent("typed", output_type=Trip), "hello")).final_output)

    async def tools() -> None:
        check_weather(
            (await Runner.run(agent("tools", tools=[function_tool(weather)]), "hello")).final_output
        )

    return {"text": text, "stream": stream, "picture": picture, "typed": typed, "tools": tools}


CLIENTS = {
    "OpenAI Agents, completions": abilities(OpenAIChatCompletionsModel),
    "OpenAI Agents, responses": abilities(OpenAIResponsesModel),
}
