"""The form of `POST /v1/audio/transcriptions`, and its response."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.clean_text import CleanText
from app.schemas.generation import TokenUsage


class TranscriptionForm(BaseModel):
    """The fields other than the file. Hints such as `language` are ignored."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: CleanText = Field(min_length=1, max_length=200)
    response_format: Literal["json", "text"] = "json"


class Transcription(BaseModel):
    id: str
    object: Literal["transcription"]
    created: int
    model: str
    system_fingerprint: str
    text: str
    usage: TokenUsage
