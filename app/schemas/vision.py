"""The two bodies of `POST /vision`: JSON with base64, and a form with files."""

from pydantic import ConfigDict, Field

from app.schemas.generation import ActionField, Base64Images, JSONSamplingFields, Prompt, SamplingFields

_ONE_WHITE_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
)


class VisionRequest(ActionField, JSONSamplingFields):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "What is on this screen?", "images": [f"data:image/png;base64,{_ONE_WHITE_PIXEL}"]}
            ]
        },
    )

    prompt: Prompt
    images: Base64Images = Field(min_length=1)


class VisionForm(ActionField, SamplingFields):
    """The fields other than the files."""

    prompt: Prompt
