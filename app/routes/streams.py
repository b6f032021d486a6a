"""`/streams/{id}`: recorded responses, from any event on."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from app.errors import InvalidRequest
from app.http.call import call_of
from app.http.guard import guarded
from app.http.openapi import recorded_response
from app.http.recorded_response import RecordedResponse
from app.schemas.problems import problem_responses
from app.sentence import Sentence

MAX_ID_LENGTH: Final = 64
MAX_NUMBER_LENGTH: Final = 18
LAST_EVENT_ID: Final = "Last-Event-ID"
_ERRORS: Final = 401, 404, 405, 422, 429, 503
_HEADER_DOCS: Final[dict[str, Any]] = {
    "name": LAST_EVENT_ID,
    "in": "header",
    "description": "the number of the last event that was received; without it, the response from its start",
    "schema": {"type": "integer", "minimum": 0},
    "example": 17,
}

StreamId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="`Stream-Id` of the response")]

router = APIRouter(prefix="/streams", tags=["streams"], route_class=guarded("any", ends_with_token=True))


@router.get(
    "/{stream_id}",
    operation_id="read_stream",
    summary="Resume a stream, or fetch a response",
    responses=recorded_response() | problem_responses(*_ERRORS, 409, 410),
    openapi_extra={"parameters": [_HEADER_DOCS]},
)
async def read_stream(request: Request, stream_id: StreamId) -> Response:
    """The response as its own request got it or would have got it: its status, its type and its bytes. A
    stream continues after `Last-Event-ID`, and goes on while it is made; a response that is no stream is
    sent when it is complete.
    """
    call = call_of(request.scope)
    after = _last_event_id(request)
    recording = await call.services.recordings.find(stream_id, call.principal.user_id)
    return RecordedResponse(recording, after, running=call.running)


@router.delete(
    "/{stream_id}",
    operation_id="stop_stream",
    summary="Stop a response",
    status_code=204,
    responses=problem_responses(*_ERRORS),
)
async def stop_stream(request: Request, stream_id: StreamId) -> Response:
    """What is generated is aborted now. Changes nothing if the response is complete."""
    call = call_of(request.scope)
    await call.services.recordings.stop(stream_id, call.principal.user_id)
    return Response(status_code=204)


def _last_event_id(request: Request) -> int:
    """Raises `InvalidRequest`."""
    text = request.headers.get(LAST_EVENT_ID, "0").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER_LENGTH):
        raise InvalidRequest(
            Sentence("{header} must be the number of an event of this stream.", header=LAST_EVENT_ID),
            param=LAST_EVENT_ID,
        )
    return int(text)
