"""The form of `POST /speech`, and its response."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.absence import Omittable
from app.schemas.generation import DoneEvent, GenerationResponse, Prompt, SamplingFields

NoResponse = Literal["no_speech", "not_understood"]  # why the model is not asked


class SpeechForm(SamplingFields):
    """The fields other than the recording."""

    prompt: Omittable[Prompt] = Field(
        None, description="what to do with the recording; default: respond to what was said"
    )


class SpeechResponse(GenerationResponse):
    """With the `finish_reason` `no_speech`, `transcript` and `content` are empty: nobody speaks.

    With `not_understood`, `content` is empty: the model repeated itself instead of writing what was said.
    """

    transcript: str = Field(description="what was said", examples=["打开微信"])
    finish_reason: Literal["stop", "length"] | NoResponse  # type: ignore[assignment] # more than elsewhere


class TranscriptEvent(BaseModel):
    """`event: transcript`, the first event of a stream of `/speech`."""

    model_config = ConfigDict(extra="forbid")

    transcript: str


class SpeechDoneEvent(DoneEvent):
    """`event: done` of `/speech`. With `no_speech` or `not_understood`, there is no `delta` before it."""

    finish_reason: Literal["stop", "length", "deadline"] | NoResponse  # type: ignore[assignment] # as above
