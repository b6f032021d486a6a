"""The responses of `POST /v1/chat/completions` and `GET /v1/models`. No field is ever null."""

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.absence import Omittable
from app.schemas.generation import Action, TokenUsage

FinishReasonField = Literal["stop", "length", "tool_calls"]


class PromptTokensDetails(BaseModel):
    cached_tokens: int = Field(ge=0, description="of the prompt, found in the cache")


class CompletionTokensDetails(BaseModel):
    reasoning_tokens: int = Field(ge=0, description="of the completion, spent on thoughts")


class CompletionUsage(TokenUsage):
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class FunctionCall(BaseModel):
    name: str
    arguments: str = Field(description="the text of a JSON object")


class CompletionToolCall(BaseModel):
    id: str
    type: Literal["function"]
    function: FunctionCall


class TopLogprob(BaseModel):
    token: str
    logprob: float
    bytes: list[int]


class TokenLogprobs(TopLogprob):
    top_logprobs: list[TopLogprob]


class Logprobs(BaseModel):
    content: list[TokenLogprobs]


class AnsweredMessage(BaseModel):
    role: Literal["assistant"]
    content: str = Field("", description="absent if there are only tool calls")
    reasoning_content: str = Field("", description="the thoughts, unless they are elsewhere")
    tool_calls: Omittable[list[CompletionToolCall]] = None
    action: Omittable[Action] = Field(
        None, description="only with the format `autoglm_action`: the content, parsed"
    )


class Choice(BaseModel):
    index: int
    message: AnsweredMessage
    logprobs: Omittable[Logprobs] = None
    finish_reason: FinishReasonField


class ChatCompletion(BaseModel):
    id: str = Field(examples=["chatcmpl-5f0c9a8b7d6e4f3a"])
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: CompletionUsage


class FunctionCallDelta(BaseModel):
    name: Omittable[str] = Field(None, description="in the first piece of a call")
    arguments: str


class ToolCallDelta(BaseModel):
    """A piece of a call. The pieces of `arguments` of one `index` belong together."""

    index: int
    id: Omittable[str] = Field(None, description="in the first piece of a call")
    type: Omittable[Literal["function"]] = None
    function: FunctionCallDelta


class ChunkDelta(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str = ""
    reasoning_content: str = ""
    tool_calls: Omittable[list[ToolCallDelta]] = None
    action: Omittable[Action] = Field(None, description="in the last chunk of the choice")


class ChunkChoice(BaseModel):
    index: int
    delta: ChunkDelta
    logprobs: Omittable[Logprobs] = None
    finish_reason: FinishReasonField = Field("stop", description="only in the last chunk of the choice")


class ChatCompletionChunk(BaseModel):
    """One `data:` line of a stream. The last one has `usage`, if `include_usage` is set."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Omittable[CompletionUsage] = None


class Model(BaseModel):
    id: str = Field(examples=["autoglm-phone-tiny"])
    object: Literal["model"]
    created: int
    owned_by: str
    root: str = Field(description="the name that responses have", examples=["autoglm-phone-tiny"])
    max_model_len: int = Field(description="length of the context in tokens", examples=[4096])


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]
