"""`POST /v1/audio/transcriptions`: what was said in a recording, in OpenAI's shape."""

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse

from app.http.body.forms import read_form, required_file
from app.http.call import call_of
from app.http.disconnect import AbortOnDisconnect
from app.http.guard import guarded
from app.http.media_types import MULTIPART
from app.http.messages import field_at_fault
from app.http.openai_call import check_model, head_of
from app.http.openapi import GENERATION_ERRORS, request_body, whole_response
from app.http.responses import JSONResponse, usage_of
from app.http.transcription import TRANSCRIPTION_MAX_TOKENS, begin_transcription
from app.schemas.problems import OpenAIError, problem_responses
from app.schemas.transcription import Transcription, TranscriptionForm

router = APIRouter(
    prefix="/v1",
    tags=["openai"],
    route_class=guarded("speech", generates=True, takes_media=True, accepts=(MULTIPART,)),
)


@router.post(
    "/audio/transcriptions",
    operation_id="createTranscription",
    summary="Transcribe a recording, in OpenAI's shape",
    responses=whole_response(Transcription, text=True)
    | problem_responses(*GENERATION_ERRORS, 404, schema=OpenAIError),
    openapi_extra=request_body({MULTIPART: (TranscriptionForm, {"file": (1, 1)})}),
)
async def create_transcription(request: Request) -> Response:
    call = call_of(request.scope)
    form = await read_form(request, TranscriptionForm, {"file": 1})
    recording = required_file(form.files, "file")
    check_model(call, form.fields.model)
    await call.reserve(TRANSCRIPTION_MAX_TOKENS, field=None)
    decoder = call.services.media
    budget = await call.media_budget(recordings=1)
    with field_at_fault("file"):
        audio = await decoder.audio(recording, budget)
    async with AbortOnDisconnect(request.receive):
        generation = await begin_transcription(call, audio)
        text = (await generation.collect()).text
    if form.fields.response_format == "text":
        return PlainTextResponse(text + "\n")
    return JSONResponse(head_of(call, "transcription", "trsc") | {"text": text, "usage": usage_of(call)})
