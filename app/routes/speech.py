"""`POST /speech`: a recording in; its transcript, and the model's answer to it, out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response

from app.errors import DeadlineExceeded
from app.http.body.forms import read_form, required_file
from app.http.call import Call, call_of
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import EventStreamResponse, native_event
from app.http.generation import Generation
from app.http.guard import guarded
from app.http.media_types import MULTIPART
from app.http.messages import decode_images, field_at_fault
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.responses import done_event, error_event, generation_response, native_events
from app.http.transcription import TRANSCRIPTION_MAX_TOKENS, begin_transcription
from app.schemas.generation import DeltaEvent, DoneEvent
from app.schemas.problems import Problem, problem_responses
from app.schemas.speech import SpeechForm, SpeechResponse, TranscriptEvent
from inference import Message, Part, Text

router = APIRouter(
    tags=["generation"],
    route_class=guarded("speech", generates=True, takes_media=True, accepts=(MULTIPART,)),
)


@router.post(
    "/speech",
    operation_id="speech",
    summary="Speak to the model",
    responses=streamed_or_whole(SpeechResponse, [TranscriptEvent, DeltaEvent, DoneEvent, Problem])
    | problem_responses(*GENERATION_ERRORS),
    openapi_extra=request_body({MULTIPART: (SpeechForm, {"audio": (1, 1), "image": (0, 1)})}),
)
async def speech(request: Request) -> Response:
    """A recording (m4a, mp3, ogg, opus, webm, amr, flac or wav), and an optional prompt and image."""
    call = call_of(request.scope)
    form = await read_form(request, SpeechForm, {"audio": 1, "image": 1})
    recording = required_file(form.files, "audio")
    body = form.fields
    await call.reserve(body.max_tokens + TRANSCRIPTION_MAX_TOKENS)
    decoder = call.services.media
    budget = await call.media_budget(len(form.files["image"]), recordings=1)
    with field_at_fault("audio"):
        audio = await decoder.audio(recording, budget)
    images = await decode_images(form.files["image"], decoder, budget, "image")
    parts: list[Part] = [*images, audio]
    if body.prompt:
        parts.append(Text(body.prompt))
    messages = [Message("user", tuple(parts))]
    async with AbortOnDisconnect(request.receive):
        transcription = await begin_transcription(call, audio)
        if not body.stream:
            transcript = (await transcription.collect()).text
            generation = await call.begin(
                messages, body.to_sampling_params(), enable_thinking=body.enable_thinking
            )
            completion = await generation.collect()
            return generation_response(call, completion, body.return_reasoning, transcript=transcript)
    return EventStreamResponse(_events(call, transcription, messages, body))


async def _events(
    call: Call, transcription: Generation, messages: list[Message], body: SpeechForm
) -> AsyncGenerator[bytes, None]:
    number = 1
    try:
        transcript = (await transcription.collect()).text
        yield native_event("transcript", number, {"transcript": transcript})
        number += 1
        generation = await call.begin(
            messages, body.to_sampling_params(), enable_thinking=body.enable_thinking
        )
    except DeadlineExceeded:
        yield done_event(call, number, "deadline")
        return
    except Exception as error:
        yield error_event(call, number, error)
        return
    async with aclosing(native_events(call, generation, body.return_reasoning, number)) as events:
        async for event in events:
            yield event
