"""The body of `POST /chat`."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from app.schemas.absence import Omittable, RequestModel
from app.schemas.generation import (
    MAX_MESSAGES,
    ActionField,
    Base64Images,
    JSONSamplingFields,
    Prompt,
    check_text,
)

_EXAMPLE: JsonDict = {"prompt": "你好", "max_tokens": 64}
_STREAMED_EXAMPLE: JsonDict = {"messages": [{"role": "user", "content": "Who are you?"}], "stream": True}


class ChatMessage(RequestModel):
    role: Literal["system", "user", "assistant"]
    content: Prompt


class ChatRequest(ActionField, JSONSamplingFields):
    """Send either `messages` or `prompt`. `images` are added to the last user message."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_EXAMPLE, _STREAMED_EXAMPLE],
            "oneOf": [{"required": ["messages"]}, {"required": ["prompt"]}],
        },
    )

    messages: Omittable[Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]] = None
    prompt: Omittable[Prompt] = Field(None, description="instead of `messages`: a single user message")
    images: Base64Images = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_messages_or_prompt(self) -> Self:
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("send either messages or prompt")
        check_text(message.content for message in self.messages or ())
        return self
