"""An engine with OpenAI's API that has its responses ready: nginx, which takes little of what is measured.

A whole response, a stream of one event with text, and one of a hundred have a port each. nginx does not read
what a request asks for.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed.gateways import running_process, wait_until_open
from testbed.servers import find_program, free_port

EVENTS: Final = 100  # with text, of the long stream
MODEL: Final = "canned"
USAGE: Final = {"prompt_tokens": 9, "completion_tokens": EVENTS, "total_tokens": 9 + EVENTS}
MODELS: Final = {
    "object": "list",
    "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "canned", "max_model_len": 32_768}],
}


@dataclass(frozen=True, slots=True)
class CannedEngine:
    """Ports. `short` and `long` stream."""

    process_id: int
    whole: int
    short: int
    long: int


@contextlib.contextmanager
def canned_engine() -> Iterator[CannedEngine]:
    """On any core."""
    nginx = find_program("nginx", package="nginx")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)  # its workers are another user's
        whole, short, long = (free_port() for _ in range(3))
        servers = [
            _server(directory, whole, "application/json", _whole()),
            _server(directory, short, "text/event-stream", _stream(1)),
            _server(directory, long, "text/event-stream", _stream(EVENTS)),
        ]
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"worker_processes 1; daemon off; pid {name}/pid; error_log {name}/errors;\n"
            "events { worker_connections 4096; }\n"
            "http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;\n"
            "open_file_cache max=8 inactive=1h; client_max_body_size 64m; client_body_buffer_size 8m;\n"
            f"client_body_temp_path {name}/bodies;\n" + "\n".join(servers) + "}\n"
        )
        command = [nginx, "-c", str(configuration)]
        with running_process(command, {}, directory / "log", core=None) as process_id:
            for port in (whole, short, long):
                wait_until_open(port)
            yield CannedEngine(process_id, whole, short, long)


def _server(directory: Path, port: int, media_type: str, body: str) -> str:
    file = directory / f"{port}.body"
    file.write_text(body)
    models = directory / "models.body"
    models.write_text(json.dumps(MODELS))
    return (
        f"server {{ listen 127.0.0.1:{port} reuseport;\n"
        f"location = /v1/chat/completions {{ default_type {media_type}; alias {file};\n"
        "error_page 405 =200 $uri; }\n"
        f"location = /v1/models {{ default_type application/json; alias {models}; }}\n"
        'location / { default_type application/json; return 200 \'{"status": "ok"}\'; } }\n'
    )


def _whole() -> str:
    message = {"role": "assistant", "content": "Hello."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-canned", "object": "chat.completion", "created": 1_700_000_000, "model": MODEL}
    return json.dumps({**head, "choices": [choice], "usage": USAGE})


def _stream(events: int) -> str:
    head = {
        "id": "chatcmpl-canned",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": MODEL,
    }

    def event(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    chunks = [
        event({"role": "assistant", "content": ""}),
        *(event({"content": f"word{number:02} "}) for number in range(events)),
        event({}, "stop"),
        {**head, "choices": [], "usage": USAGE},
    ]
    return (
        "".join(f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n" for chunk in chunks)
        + "data: [DONE]\n\n"
    )
