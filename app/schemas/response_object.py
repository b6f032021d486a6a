"""The response of `POST /v1/responses`, and the events of its stream. No field is ever null."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.absence import Omittable
from app.schemas.generation import Action
from app.schemas.openai_completion import TokenLogprobs

Status = Literal["in_progress", "completed", "incomplete"]


class OutputText(BaseModel):
    type: Literal["output_text"]
    text: str
    annotations: list[Any] = Field(description="always empty")
    logprobs: list[TokenLogprobs] = Field(description="empty unless requested")
    action: Omittable[Action] = Field(
        None, description="only with the format `autoglm_action`: the text, parsed"
    )


class MessageOutput(BaseModel):
    id: str
    type: Literal["message"]
    status: Status
    role: Literal["assistant"]
    content: list[OutputText]


class FunctionCallOutput(BaseModel):
    id: str
    type: Literal["function_call"]
    status: Status
    call_id: str
    name: str
    arguments: str = Field(description="the text of a JSON object")


class SummaryText(BaseModel):
    type: Literal["summary_text"]
    text: str = Field(description="the whole thought")


class ReasoningOutput(BaseModel):
    id: str
    type: Literal["reasoning"]
    status: Status
    summary: list[SummaryText]


class InputTokensDetails(BaseModel):
    cached_tokens: int = Field(ge=0)
    cache_write_tokens: int = Field(ge=0, description="always 0: writing to the cache is not counted")


class OutputTokensDetails(BaseModel):
    reasoning_tokens: int = Field(ge=0)


class ResponseUsage(BaseModel):
    input_tokens: int = Field(ge=0)
    input_tokens_details: InputTokensDetails
    output_tokens: int = Field(ge=0)
    output_tokens_details: OutputTokensDetails
    total_tokens: int = Field(ge=0)


class IncompleteDetails(BaseModel):
    reason: Literal["max_output_tokens"]


class ResponseFailure(BaseModel):
    code: str
    message: str


class ResponseObject(BaseModel):
    """Fields of the request, such as `tools`, are repeated."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(examples=["resp_5f0c9a8b7d6e4f3a"])
    object: Literal["response"]
    created_at: int
    model: str
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    output: list[Annotated[MessageOutput | FunctionCallOutput | ReasoningOutput, Field(discriminator="type")]]
    incomplete_details: Omittable[IncompleteDetails] = None
    error: Omittable[ResponseFailure] = Field(None, description="only in `response.failed`")
    parallel_tool_calls: bool
    tool_choice: Any
    tools: list[dict[str, Any]]
    usage: Omittable[ResponseUsage] = Field(None, description="in the whole response")


class ResponseEvent(BaseModel):
    """One event of a stream. `type` is one of OpenAI's, and so are the further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["response.output_text.delta"])
    sequence_number: int = Field(ge=0)
