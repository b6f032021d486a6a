"""Timeouts increase outwards: what is closer to the model gives up first, so that its response can be sent.

Every number is read from where it is configured: the gateway's from its modules, nginx's from the templates.
"""

import inspect
import re
from pathlib import Path

from app.http.event_stream import EventStreamResponse
from app.http.exchange import GRACE_SECONDS
from app.http.guard import DEADLINE_MARGIN
from app.http.middlewares.early_responses import (
    LINGER_SECONDS,
    MAX_DRAIN_SECONDS,
    PAUSE_SECONDS,
)
from app.server.gateway_server import KEEP_ALIVE_SECONDS as SERVER_KEEP_ALIVE_SECONDS
from app.server.http_protocol import BoundedHTTPProtocol
from app.settings import Settings

NGINX = Path(__file__).parents[2] / "nginx"
SHORTEST_PROXY_SECONDS = 60  # of proxies before nginx; no common one waits less for the next bytes
PHONE_IDLE_SECONDS = 30  # a new connection costs a phone radio time and a handshake


def nginx_seconds(template: str, directive: str) -> int:
    """The value in the lines that set it, which must agree; of a variable, its default."""
    text = (NGINX / "templates" / template).read_text()
    (value,) = set(re.findall(rf"(?m)^ *{directive} (\S+)s;", text))
    variable = re.fullmatch(r"\$\{(NGINX_\w+)\}", value)
    if variable is not None:
        (value,) = re.findall(rf'(?m)^: "\$\{{{variable[1]}:=(\d+)\}}"$', (NGINX / "render").read_text())
    return int(value)


def test_timeouts_increase_from_the_engine_to_nginx() -> None:
    settings = Settings(_env_file=None)
    request = settings.request_timeout_seconds
    engine_deadline = request * (1 - DEADLINE_MARGIN)
    time_to_respond = request - engine_deadline
    assert engine_deadline < request < nginx_seconds("http/proxy.conf", "proxy_read_timeout")
    assert 1 < time_to_respond < request / 10, (
        "enough for the end of a response; most of the time is for the model"
    )
    assert engine_deadline < SHORTEST_PROXY_SECONDS, "a complete response arrives before any proxy gives up"
    assert 0 < GRACE_SECONDS <= time_to_respond, "a stream's last bytes, not more tokens"
    assert request < nginx_seconds("http/proxy.conf", "proxy_send_timeout"), (
        "a slow upload gets the gateway's 408"
    )


def test_running_requests_can_end_during_a_stop_or_reload() -> None:
    settings = Settings(_env_file=None)
    longest = settings.request_timeout_seconds + GRACE_SECONDS
    assert settings.request_timeout_seconds <= settings.drain_seconds
    assert longest < nginx_seconds("nginx.conf", "worker_shutdown_timeout")


def test_idle_streams_and_connections_outlive_the_timeouts_of_clients() -> None:
    event_stream = inspect.signature(EventStreamResponse).parameters["keep_alive_seconds"].default
    assert event_stream * 2 < SHORTEST_PROXY_SECONDS, "even when one of them is lost in a buffer"
    assert event_stream < PHONE_IDLE_SECONDS <= nginx_seconds("http/clients.conf", "keepalive_timeout")
    assert event_stream < nginx_seconds("http/clients.conf", "send_timeout")
    to_gateways = nginx_seconds("http/upstream.conf", "keepalive_timeout")
    assert max(to_gateways, PHONE_IDLE_SECONDS) < SERVER_KEEP_ALIVE_SECONDS, (
        "or a request meets a closing one"
    )


def test_slow_heads_and_bodies_time_out_before_requests() -> None:
    request = Settings(_env_file=None).request_timeout_seconds
    slow_client = nginx_seconds("http/clients.conf", "client_header_timeout")
    assert slow_client < BoundedHTTPProtocol.head_seconds < request
    assert nginx_seconds("http/clients.conf", "client_body_timeout") < request
    lingering = nginx_seconds("http/clients.conf", "lingering_time")
    assert LINGER_SECONDS < lingering <= MAX_DRAIN_SECONDS
    assert LINGER_SECONDS < PAUSE_SECONDS < MAX_DRAIN_SECONDS < request / 5, "a few seconds, for nothing"
    assert nginx_seconds("http/proxy.conf", "proxy_read_timeout") > MAX_DRAIN_SECONDS
    assert nginx_seconds("http/clients.conf", "client_body_timeout") > PAUSE_SECONDS
    assert nginx_seconds("http/clients.conf", "lingering_timeout") <= lingering


def test_trying_another_gateway_takes_a_small_part_of_the_timeout() -> None:
    connect = nginx_seconds("http/proxy.conf", "proxy_connect_timeout")
    another = nginx_seconds("http/proxy.conf", "proxy_next_upstream_timeout")
    assert connect < another < Settings(_env_file=None).request_timeout_seconds / 2
