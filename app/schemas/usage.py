"""Responses about the caller's own usage, and about what callers may send."""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.absence import Omittable


class UsageTotals(BaseModel):
    model_config = ConfigDict(extra="forbid")

    requests: int = Field(ge=0, examples=[3])
    prompt_tokens: int = Field(ge=0, examples=[120])
    completion_tokens: int = Field(ge=0, examples=[64])


class UsageOfDay(UsageTotals):
    day: datetime.date = Field(description="a UTC day", examples=["2026-03-14"])


class UsageResponse(BaseModel):
    """Newest day first, without days that have no requests."""

    model_config = ConfigDict(extra="forbid")

    days: list[UsageOfDay]
    total: UsageTotals


class ImageLimits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_count: int = Field(ge=1, description="images in one request", examples=[10])
    max_total_pixels: int = Field(ge=1, description="of all images of a request", examples=[120_000_000])
    max_pixels: int = Field(ge=1, description="width times height of one image", examples=[50_000_000])
    formats: list[str] = Field(
        description="detected from the bytes of the file, not from its name", examples=[["jpeg", "png"]]
    )


class AudioLimits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max_seconds: int = Field(ge=1, examples=[300])
    formats: list[str] = Field(
        description="detected from the bytes of the file, not from its name", examples=[["m4a", "ogg"]]
    )


class LimitsResponse(BaseModel):
    """Rates are the caller's own; the rest applies to all callers."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: int = Field(ge=1, examples=[10])
    concurrent_requests: int = Field(ge=1, examples=[2])
    daily_tokens: Omittable[Annotated[int, Field(ge=1)]] = Field(
        None, description="per UTC day; absent if there is no quota", examples=[100_000]
    )
    request_timeout_seconds: float = Field(gt=0, examples=[60])
    context_length: int = Field(ge=1, description="tokens: the prompt and max_tokens", examples=[4096])
    modalities: list[Literal["audio", "image", "text"]] = Field(description="what the model supports")
    max_json_bytes: int = Field(ge=1, description="of a body on routes without media", examples=[1_048_576])
    max_media_bytes: int = Field(ge=1, description="of a body on routes with media", examples=[26_214_400])
    max_messages: int = Field(ge=1, examples=[4096])
    max_prompt_characters: int = Field(ge=1, description="of one message", examples=[4_000_000])
    images: ImageLimits
    audio: AudioLimits
