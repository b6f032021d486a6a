"""The form of `POST /speech`, and its response."""

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.absence import Omittable
from app.schemas.generation import GenerationResponse, Prompt, SamplingFields


class SpeechForm(SamplingFields):
    """The fields other than the recording."""

    prompt: Omittable[Prompt] = Field(
        None, description="what to do with the recording; default: respond to what was said"
    )


class SpeechResponse(GenerationResponse):
    transcript: str = Field(description="what was said", examples=["打开微信"])


class TranscriptEvent(BaseModel):
    """`event: transcript`, the first event of a stream of `/speech`."""

    model_config = ConfigDict(extra="forbid")

    transcript: str
