"""Requests whose responses are recorded: resumable streams, and responses in the background."""

from fastapi import Request

from app.errors import Overloaded
from app.http.call import Call
from app.http.preferences import prefers
from app.schemas.generation import SamplingFields


def record_if_asked(
    request: Request, call: Call, *, stream: bool, fields: SamplingFields | None = None
) -> None:
    """Call it once the request is checked, before anything of the response is made.

    `fields` are those of a native route; requests under `/v1` have the header alone. A stream for which
    there is no memory is not resumable, and has no `Stream-Id`. Raises `Overloaded` for a response in the
    background that cannot be kept.
    """
    prefers_async = prefers(request.headers, "respond-async")
    prefers_resumable = stream and prefers(request.headers, "resumable")
    is_background = prefers_async or (fields is not None and fields.background)
    is_resumable = prefers_resumable or (fields is not None and fields.resumable)
    if not (is_background or is_resumable):
        return
    exchange = call.exchange
    if exchange.recording is None:
        recording = call.services.recordings.begin(call.principal.user_id, request.url.path, call.running.end)
        if recording is None:
            if is_background:
                raise Overloaded
            return
        exchange.record(recording)
    exchange.keep()
    if fields is None and prefers_resumable:
        exchange.number_events()
    if prefers_resumable:
        exchange.apply("resumable")
    if is_background:
        if prefers_async:
            exchange.apply("respond-async")
        exchange.respond_in_background()
