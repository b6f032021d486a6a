"""LangChain's ChatOpenAI, over completions and over responses."""

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
    picture_url,
    url,
    weather,
)
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


def abilities(*, use_responses_api: bool) -> dict[str, Callable[[], object]]:
    def model(ability: str) -> ChatOpenAI:
        options: dict[str, Any] = {"max_retries": 0, "use_responses_api": use_responses_api}
        return ChatOpenAI(model=MODEL, base_url=url(ability), api_key=key(), **options)

    def text() -> None:
        check_text(model("text").invoke("hello").text)

    def stream() -> None:
        check_pieces([piece.text for piece in model("text").stream("hello")])

    async def picture() -> None:
        content = [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": picture_url()}},
        ]
        check_picture((await model("text").ainvoke([HumanMessage(content=content)])).text)

    def typed() -> None:
        check_trip(model("typed").with_structured_output(Trip).invoke("hello"))
        check_trip(model("typed").with_structured_output(Trip, method="function_calling").invoke("hello"))

    def tools() -> None:
        bound = model("tools").bind_tools([tool(weather)])
        messages: list = [HumanMessage("hello")]
        reply = bound.invoke(messages)
        (call,) = reply.tool_calls
        messages += [reply, ToolMessage(weather(**call["args"]), tool_call_id=call["id"])]
        check_weather("".join(piece.text for piece in bound.stream(messages)))

    return {"text": text, "stream": stream, "picture": picture, "typed": typed, "tools": tools}


CLIENTS = {
    "LangChain, completions": abilities(use_responses_api=False),
    "LangChain, responses": abilities(use_responses_api=True),
}
