"""The two bodies of `POST /vision`: JSON with base64, and a form with files."""

from pydantic import ConfigDict, Field

from app.schemas.generation import Base64Images, Prompt, SamplingFields


class VisionRequest(SamplingFields):
    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"prompt": "What is on this screen?", "images": ["data:image/jpeg;base64,/9j/4AAQ…"]}
            ]
        },
    )

    prompt: Prompt
    images: Base64Images = Field(min_length=1)


class VisionForm(SamplingFields):
    """The fields beside the files; numbers and booleans arrive as text."""

    prompt: Prompt
