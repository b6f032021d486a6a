"""`POST /speech`: a recording in; its transcript, and the model's answer to it, out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response

from app.errors import DeadlineExceeded
from app.http.body.forms import read_form, required_file
from app.http.call import Call, call_of
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import native_event
from app.http.generation import Completion, Generation
from app.http.guard import guarded
from app.http.media_types import MULTIPART
from app.http.messages import decode_images, field_at_fault
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.responses import done_event, error_event, generation_response, native_events, native_stream
from app.http.resumption import record_if_asked
from app.http.transcription import RESERVED_TOKENS, Transcription
from app.schemas.generation import DeltaEvent, QueuedEvent
from app.schemas.problems import Problem, problem_responses
from app.schemas.speech import NoResponse, SpeechDoneEvent, SpeechForm, SpeechResponse, TranscriptEvent
from inference import Image, Message, Part, Text

router = APIRouter(
    tags=["generation"],
    route_class=guarded("speech", generates=True, takes_media=True, accepts=(MULTIPART,)),
)


@router.post(
    "/speech",
    operation_id="speech",
    summary="Speak to the model",
    responses=streamed_or_whole(
        SpeechResponse, [QueuedEvent, TranscriptEvent, DeltaEvent, SpeechDoneEvent, Problem]
    )
    | problem_responses(*GENERATION_ERRORS),
    openapi_extra=request_body({MULTIPART: (SpeechForm, {"audio": (1, 1), "image": (0, 1)})}),
)
async def speech(request: Request) -> Response:
    """A recording (m4a, mp3, ogg, opus, webm, amr, flac or wav), and an optional prompt and image.

    If nobody speaks, the `finish_reason` is `no_speech`. If the model repeats itself instead of writing what
    was said, it is `not_understood`. The model is then not asked for a response.
    """
    call = call_of(request.scope)
    form = await read_form(request, SpeechForm, {"audio": 1, "image": 1})
    file, body = required_file(form.files, "audio"), form.fields
    await call.reserve(body.max_tokens + RESERVED_TOKENS)
    decoder = call.services.media
    budget = await call.media_budget(len(form.files["image"]), recordings=1)
    with field_at_fault("audio"):
        recording = await decoder.recording(file, budget)
    images = await decode_images(form.files["image"], decoder, budget, "image")
    record_if_asked(request, call, stream=body.stream, fields=body)
    phrases = recording.phrases(call.services.backend.model_card.speech_fit)
    transcription = Transcription(call, phrases)

    async def begin() -> AsyncGenerator[bytes, None]:
        await transcription.begin()
        return _events(call, transcription, images, body)

    async with AbortOnDisconnect(request.receive):
        await call.reserve_tokens(body.max_tokens + transcription.most_tokens)
        if body.stream:
            return native_stream(call, begin)
        await transcription.begin()
        transcript = await transcription.collect()
        if (why := _why_silent(transcription)) is not None:
            nothing = Completion("", "", "stop")
            return generation_response(
                call, nothing, body.return_reasoning, transcript=transcript, finish_reason=why
            )
        generation = await _respond(call, body, images, transcription)
        completion = await generation.collect()
        return generation_response(call, completion, body.return_reasoning, transcript=transcript)


async def _events(
    call: Call, transcription: Transcription, images: list[Image], body: SpeechForm
) -> AsyncGenerator[bytes, None]:
    number = 1
    try:
        transcript = await transcription.collect()
        yield native_event("transcript", number, {"transcript": transcript})
        number += 1
        if (why := _why_silent(transcription)) is not None:
            yield done_event(call, number, why)
            return
        generation = await _respond(call, body, images, transcription)
    except DeadlineExceeded:
        yield done_event(call, number, "deadline")
        return
    except Exception as error:
        yield error_event(call, number, error)
        return
    async with aclosing(native_events(call, generation, body.return_reasoning, number)) as events:
        async for event in events:
            yield event


def _why_silent(transcription: Transcription) -> NoResponse | None:
    """Why the model is not asked for a response: a phone would act on what nobody said."""
    if not transcription.text.strip():
        return "no_speech"
    return "not_understood" if transcription.has_loop else None


async def _respond(
    call: Call, body: SpeechForm, images: list[Image], transcription: Transcription
) -> Generation:
    """Begins the response. The model hears one phrase itself; it reads what was said in several."""
    phrases = transcription.phrases
    said: Part = phrases[0].audio if len(phrases) == 1 else Text(transcription.text.strip())
    prompt = [Text(body.prompt)] if body.prompt else []
    messages = [Message("user", (*images, said, *prompt))]
    return await call.begin(messages, body.to_sampling_params(), enable_thinking=body.enable_thinking)
