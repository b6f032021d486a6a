"""`POST /vision`: one to ten images and a question about them, as a form or as JSON."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from app.http.body.forms import read_form, read_json, required_file
from app.http.call import call_of
from app.http.guard import guarded
from app.http.media_types import JSON, MULTIPART, media_type_of
from app.http.messages import decode_images
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.responses import respond
from app.media.upload import Source
from app.schemas.generation import MAX_IMAGES, DeltaEvent, DoneEvent, GenerationResponse, QueuedEvent
from app.schemas.problems import Problem, problem_responses
from app.schemas.vision import VisionForm, VisionRequest
from inference import Message, Text

router = APIRouter(
    tags=["generation"],
    route_class=guarded("vision", generates=True, takes_media=True, accepts=(JSON, MULTIPART)),
)


@router.post(
    "/vision",
    operation_id="vision",
    summary="Ask about images",
    responses=streamed_or_whole(GenerationResponse, [QueuedEvent, DeltaEvent, DoneEvent, Problem])
    | problem_responses(*GENERATION_ERRORS),
    openapi_extra=request_body(
        {
            "application/json": (VisionRequest, {}),
            MULTIPART: (VisionForm, {"image": (1, MAX_IMAGES)}),
        }
    ),
)
async def vision(request: Request) -> Response:
    """Photos or screenshots: JPEG, PNG, WebP, HEIC, GIF or BMP, upright by their EXIF orientation."""
    call = call_of(request.scope)
    decoder, media = call.services.media, call.services.settings.media
    body: VisionRequest | VisionForm
    if media_type_of(request.headers) == MULTIPART:
        form = await read_form(request, VisionForm, {"image": media.max_images})
        required_file(form.files, "image")
        body = form.fields
        await call.reserve(body.max_tokens)
        files: Sequence[Source] = form.files["image"]
        path = "image"
    else:
        body = await read_json(request, VisionRequest)
        call.check_image_count(len(body.images))
        await call.reserve(body.max_tokens)
        files = body.images
        path = "images"
    images = await decode_images(files, decoder, await call.media_budget(len(files)), path)
    messages = [Message("user", (*images, Text(body.prompt)))]
    return await respond(request, call, messages, body, action=body.action)
