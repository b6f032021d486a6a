"""`POST /v1/audio/transcriptions`: what was said in a recording, in OpenAI's shapes."""

import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse

from app.http.body.forms import read_form, required_file
from app.http.call import Call, call_of
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import OPENAI_DONE, OPENAI_END, openai_event
from app.http.guard import guarded
from app.http.languages import language_code, language_name
from app.http.media_types import MULTIPART
from app.http.messages import field_at_fault
from app.http.openai_call import check_model, head_of, openai_error_event, openai_stream
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.responses import JSONResponse
from app.http.resumption import record_if_asked
from app.http.subtitles import to_srt, to_vtt
from app.http.transcription import RESERVED_TOKENS, Segment, Transcription
from app.media.recording import Recording
from app.schemas.problems import OpenAIError, problem_responses
from app.schemas.transcription import (
    Transcription as TranscriptionResponse,
)
from app.schemas.transcription import (
    TranscriptionDelta,
    TranscriptionDone,
    TranscriptionForm,
    VerboseTranscription,
)

SRT: Final = "application/x-subrip"
VTT: Final = "text/vtt"

router = APIRouter(
    prefix="/v1",
    tags=["openai"],
    route_class=guarded("speech", generates=True, takes_media=True, accepts=(MULTIPART,)),
)


@router.post(
    "/audio/transcriptions",
    operation_id="createTranscription",
    summary="Transcribe a recording, in OpenAI's shape",
    responses=streamed_or_whole(
        TranscriptionResponse,
        [TranscriptionDelta, TranscriptionDone, OpenAIError],
        end=OPENAI_END,
        other_whole=VerboseTranscription,
        texts=("text/plain", SRT, VTT),
    )
    | problem_responses(*GENERATION_ERRORS, 404, schema=OpenAIError),
    openapi_extra=request_body({MULTIPART: (TranscriptionForm, {"file": (1, 1)})}),
)
async def create_transcription(request: Request) -> Response:
    """The transcript is empty if nobody speaks. `srt`, `vtt` and `verbose_json` have segments with times."""
    call = call_of(request.scope)
    form = await read_form(request, TranscriptionForm, {"file": 1})
    file, body = required_file(form.files, "file"), form.fields
    check_model(call, body.model)
    body.refuse_unsupported()
    speech_fit = call.services.backend.model_card.speech_fit
    language = language_code(body.language, speech_fit.languages)
    await call.reserve(RESERVED_TOKENS, field=None)
    budget = await call.media_budget(recordings=1)
    with field_at_fault("file"):
        recording = await call.services.media.recording(file, budget)
    is_timed = body.response_format in ("srt", "vtt", "verbose_json")
    record_if_asked(request, call, stream=bool(body.stream))
    transcription = Transcription(call, recording.phrases(speech_fit, is_timed=is_timed), language)

    async def begin() -> AsyncGenerator[bytes, None]:
        await transcription.begin()
        return _events(call, transcription)

    async with AbortOnDisconnect(request.receive):
        await call.reserve_tokens(transcription.most_tokens, field=None)
        if body.stream:
            return openai_stream(call, begin)
        await transcription.begin()
        await transcription.collect()
        return _response(call, body, recording, transcription)


def _response(
    call: Call, body: TranscriptionForm, recording: Recording, transcription: Transcription
) -> Response:
    text, segments = transcription.text.strip(), transcription.segments
    match body.response_format:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(to_srt(segments), media_type=f"{SRT}; charset=utf-8")
        case "vtt":
            return PlainTextResponse(to_vtt(segments), media_type=VTT)
    content = head_of(call, "transcription", "trsc") | {"text": text, "usage": _tokens_of(call)}
    if body.response_format == "verbose_json":
        content |= {
            "task": "transcribe",
            "language": language_name(transcription.language, text),
            "duration": round(recording.seconds, 3),
            "segments": [_segment(index, segment) for index, segment in enumerate(segments)],
            "usage": {"type": "duration", "seconds": round(recording.seconds, 3)},
        }
    return JSONResponse(content)


async def _events(call: Call, transcription: Transcription) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(transcription.pieces()) as pieces:
            async for piece in pieces:
                yield openai_event({"type": "transcript.text.delta", "delta": piece})
        done = {"type": "transcript.text.done", "text": transcription.text, "usage": _tokens_of(call)}
        yield openai_event(done)
    except Exception as error:
        yield openai_error_event(call, error)
    yield OPENAI_DONE


def _segment(index: int, segment: Segment) -> dict[str, Any]:
    text = segment.text.encode()
    return {
        "id": index,
        "seek": round(segment.start * 100),
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 4),  # as Whisper measures it
        "no_speech_prob": round(segment.no_speech, 4),
    }


def _tokens_of(call: Call) -> dict[str, Any]:
    record = call.record
    return {
        "type": "tokens",
        "input_tokens": record.prompt_tokens,
        "output_tokens": record.completion_tokens,
        "total_tokens": record.prompt_tokens + record.completion_tokens,
        "input_token_details": {"audio_tokens": record.prompt_tokens, "text_tokens": 0},
    }
