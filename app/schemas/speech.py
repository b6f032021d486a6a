"""The form of `POST /speech`, and its answer."""

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.absence import Omittable
from app.schemas.generation import GenerationResponse, Prompt, SamplingFields


class SpeechForm(SamplingFields):
    """The fields beside the recording."""

    prompt: Omittable[Prompt] = Field(
        None, description="what to do with the recording; default: answer what was said"
    )


class SpeechResponse(GenerationResponse):
    transcript: str = Field(description="what was said", examples=["打开微信"])


class TranscriptEvent(BaseModel):
    """`event: transcript`, the first one of a `/speech` stream."""

    model_config = ConfigDict(extra="forbid")

    transcript: str
