"""Time-outs climb: who is closer to the model gives up first, so that its answer can still be sent."""

import inspect

from app.cli.http_protocol import BoundedHTTPProtocol
from app.cli.server import KEEP_ALIVE_SECONDS as SERVER_KEEP_ALIVE_SECONDS
from app.routes.guard import DEADLINE_MARGIN, GRACE_SECONDS
from app.settings import Settings
from app.streams.event_stream import EventStreamResponse

PROXY_READ_SECONDS = 60  # nginx's proxy_read_timeout; no widespread proxy waits less for the next bytes
PROXY_IDLE_SECONDS = 60  # nginx's keepalive_timeout towards us
PHONE_IDLE_SECONDS = 30


def test_time_outs_climb_from_the_engine_to_the_proxy() -> None:
    settings = Settings(_env_file=None)
    request = settings.request_timeout_seconds
    engine_deadline = request * (1 - DEADLINE_MARGIN)
    time_to_answer = request - engine_deadline
    assert engine_deadline < request
    assert 1 < time_to_answer < request / 10, "the engine's last words fit in, most of it is the model's"
    assert engine_deadline < PROXY_READ_SECONDS, "a whole answer comes before the proxy gives up"
    assert 0 < GRACE_SECONDS <= time_to_answer, "a stream's last bytes, not more tokens"
    assert request <= settings.drain_seconds, "what runs at a stop may end"

    event_stream = inspect.signature(EventStreamResponse).parameters["keep_alive_seconds"].default
    assert event_stream * 2 < PROXY_READ_SECONDS, "even when one of them is lost in a buffer"
    assert event_stream < PHONE_IDLE_SECONDS

    assert BoundedHTTPProtocol.head_seconds < request
    assert max(PROXY_IDLE_SECONDS, PHONE_IDLE_SECONDS) < SERVER_KEEP_ALIVE_SECONDS
