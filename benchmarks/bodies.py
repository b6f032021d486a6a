"""What bodies of hostile shapes cost everybody else: `python -m benchmarks.bodies` (about six minutes).

While each body is sent, another process requests `/healthz` again and again: the longest time to a response
is what everybody else waits. A heartbeat inside the gateway says how much the event loop computed between two
beats, which does not depend on what else runs on the machine. The memory is the process's peak above what it
held before the body. `--python` names the interpreter of another version, to compare with it.
"""

import argparse
import asyncio
import base64
import json
import mmap
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.heartbeat import LAYOUT
from testbed.gateways import LOAD_CORE, SERVER_CORE, StartedGateway, pin_to, started_gateway
from testbed.hardware import hardware_and_versions

BODY_BYTES: Final = 26_000_000
UPLOADS: Final = 40
JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data; boundary=BOUNDARY"
FORM: Final = "application/x-www-form-urlencoded"
FILE_HEAD: Final = (
    b'--BOUNDARY\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n'
    b'--BOUNDARY\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
)
FILE_END: Final = b"\r\n--BOUNDARY--\r\n"
PROBE_SECONDS: Final = 0.002  # between a response and the next request
SEND_BYTES: Final = 256 * 1024
PATIENCE_SECONDS: Final = 120.0
MIB: Final = 2**20

Make = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Body:
    name: str
    path: str
    content_type: str
    make: Make
    chunk_bytes: int = 0  # sent in chunks of that size, instead of with its length
    is_public: bool = False
    uploads: int = 1  # at once, all finishing together
    sent_bytes: int | None = None  # of each; then the client stops, and after a second it leaves


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    wait_ms: float
    busy_ms: float
    memory_mib: float


def filled(piece: bytes, before: bytes = b"", after: bytes = b"") -> Make:
    return lambda: before + piece * ((BODY_BYTES - len(before) - len(after)) // len(piece)) + after


def image(piece: bytes) -> Make:
    return filled(piece, b'{"prompt":"x","images":["', b'"]}')


def unique_keys(length: int) -> Make:
    return lambda: b"{%b}" % b",".join(b'"%0*d":0' % (length, n) for n in range(BODY_BYTES // (length + 5)))


def tiny_parts() -> bytes:
    part = b'--BOUNDARY\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    return part * (BODY_BYTES // len(part))


def jpeg_in_json() -> bytes:
    return b'{"prompt":"x","images":["' + base64.b64encode(os.urandom(BODY_BYTES * 3 // 4 - 100)) + b'"]}'


def bodies() -> list[Body]:
    return [
        Body("nothing", "/chat", JSON, lambda: b'{"prompt":"x"}'),
        Body("lists in lists", "/chat", JSON, filled(b"[[]],", b'{"messages":[', b"0]}")),
        Body(
            "lists from a stranger",
            "/ops/session",
            JSON,
            lambda: b"[" + b"[[]]," * 200_000 + b"0]",
            is_public=True,
        ),
        Body("unique keys", "/chat", JSON, unique_keys(8)),
        Body("strings without commas", "/chat", JSON, filled(b'""', b"[")),
        Body("opening brackets", "/chat", JSON, filled(b"[")),
        Body("whitespace", "/chat", JSON, filled(b" ", b"{", b"}")),
        Body("digits", "/chat", JSON, filled(b"1", b'{"seed":', b"}")),
        Body("20 long texts with escapes", "/chat", JSON, long_texts),
        Body("text of 4 MB", "/chat", JSON, lambda: b'{"prompt":"%b"}' % (b"a word " * 570_000)),
        Body("text of 8 MB", "/chat", JSON, lambda: b'{"prompt":"%b"}' % ("a😀".encode() * 1_600_000)),
        Body(
            "text of 8 MB with escapes", "/chat", JSON, lambda: b'{"prompt":"%b"}' % (b"\\u4f60" * 1_300_000)
        ),
        Body("4,096 messages", "/chat", JSON, many_messages),
        Body("4,000 calls", "/v1/responses", JSON, many_calls),
        Body("lists in the arguments of a call", "/v1/responses", JSON, dense_arguments),
        Body("base64", "/chat", JSON, jpeg_in_json),
        Body("escaped quotes", "/chat", JSON, image(b'\\"')),
        Body("escaped slashes", "/chat", JSON, image(b"\\/")),
        Body("characters of 4 bytes", "/chat", JSON, image("a😀".encode())),
        Body("long name", "/chat", JSON, filled(b"k", b'{"', b'":0}')),
        Body(
            "long type of a part",
            "/v1/chat/completions",
            JSON,
            filled(b"t", b'{"model":"m","messages":[{"role":"user","content":[{"type":"', b'"}]}]}'),
        ),
        Body("19,000 unknown fields", "/chat", JSON, lambda: unknown_fields(19_000)),
        Body("chunks of one byte", "/chat", JSON, lambda: b'{"prompt":"' + b"x" * 1_000_000, chunk_bytes=1),
        Body("file", "/vision", MULTIPART, filled(b"\0", FILE_HEAD, FILE_END)),
        Body("boundaries, nearly", "/vision", MULTIPART, filled(b"\r\n--BOUNDAR", FILE_HEAD, FILE_END)),
        Body("line ends", "/vision", MULTIPART, filled(b"\r\n", FILE_HEAD, FILE_END)),
        Body("tiny parts", "/vision", MULTIPART, tiny_parts),
        Body("long header of a part", "/vision", MULTIPART, filled(b"h", b"--BOUNDARY\r\nX: ")),
        Body("file in chunks of 16 bytes", "/vision", MULTIPART, small_file, chunk_bytes=16),
        Body("form of a stranger", "/auth/token", FORM, lambda: b"a=%41&" * 170_000, is_public=True),
        Body(f"{UPLOADS} files of 25 MB", "/vision", MULTIPART, image_file, uploads=UPLOADS),
        Body(f"{UPLOADS} × 25 MB of base64", "/vision", JSON, jpeg_in_json, uploads=UPLOADS),
        Body("200 files that stop", "/vision", MULTIPART, image_file, uploads=200, sent_bytes=3_000_000),
        Body("200 × base64 that stops", "/vision", JSON, jpeg_in_json, uploads=200, sent_bytes=3_000_000),
    ]


def unknown_fields(count: int) -> bytes:
    return b"{%b}" % b",".join(b'"field%d":0' % n for n in range(count))


def many_messages() -> bytes:
    message = b'{"role":"user","content":"%b"}' % (b"a word " * 130)
    return b'{"messages":[%b]}' % b",".join([message] * 4096)


def many_calls() -> bytes:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    return json.dumps({"model": "scripted", "input": [call] * 3900}).encode()


def dense_arguments() -> bytes:
    arguments = '{"a":[' + "[]," * 1_300_000 + "0]}"
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
    return json.dumps({"model": "scripted", "input": [call]}).encode()


def long_texts() -> bytes:
    text = b'"' + b"\\u4f60" * 190_000 + b'"'
    return b'{"prompt":"x","images":[' + b",".join([text] * (BODY_BYTES // len(text))) + b"]}"


def small_file() -> bytes:
    return FILE_HEAD + b"\0" * 2_000_000 + FILE_END


def image_file() -> bytes:
    return FILE_HEAD + b"\xff\xd8\xff\xe0" + os.urandom(BODY_BYTES - 1000) + FILE_END


def probe(port: int, has_begun: Event, is_over: Event, longest: Connection) -> None:
    """Sends the longest time to a response, in seconds, and ends."""
    pin_to(LOAD_CORE)
    question = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    worst = 0.0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        has_begun.set()
        while not is_over.is_set():
            started = time.perf_counter()
            connection.sendall(question)
            connection.recv(4096)
            worst = max(worst, time.perf_counter() - started)
            time.sleep(PROBE_SECONDS)
    longest.send(worst)


async def send(port: int, token: str, body: Body, content: bytes, ready: asyncio.Barrier) -> int:
    """The status of the response; 0 for a connection that was closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"POST {body.path} HTTP/1.1", "Host: localhost", f"Content-Type: {body.content_type}"]
    if body.path == "/ops/session":
        head += ["X-Gateway-Ops: 1"]
    if not body.is_public:
        head += [f"Authorization: Bearer {token}"]
    head += [f"Content-Length: {len(content)}" if not body.chunk_bytes else "Transfer-Encoding: chunked"]
    response = asyncio.create_task(reader.readline())
    try:
        writer.write("\r\n".join([*head, "", ""]).encode())
        for piece in pieces(content[: body.sent_bytes or -1], body.chunk_bytes):
            if response.done():
                break  # refused
            writer.write(piece)
            await writer.drain()
        await ready.wait()
        if body.sent_bytes is not None:
            await asyncio.sleep(1)
            return 0
        last = content[-1:]
        writer.write(b"1\r\n%b\r\n0\r\n\r\n" % last if body.chunk_bytes else last)
        line = await asyncio.wait_for(response, PATIENCE_SECONDS)
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        line = await asyncio.wait_for(response, 1)
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


def pieces(content: bytes, chunk_bytes: int) -> Iterator[bytes]:
    if not chunk_bytes:
        for start in range(0, len(content), SEND_BYTES):
            yield content[start : start + SEND_BYTES]
        return
    chunks = (content[start : start + chunk_bytes] for start in range(0, len(content), chunk_bytes))
    written = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    for start in range(0, len(written), SEND_BYTES):
        yield written[start : start + SEND_BYTES]


async def send_all(port: int, token: str, body: Body, content: bytes) -> int:
    ready = asyncio.Barrier(body.uploads)
    statuses = await asyncio.gather(
        *(send(port, token, body, content, ready) for _ in range(body.uploads)), return_exceptions=True
    )
    return max((status for status in statuses if isinstance(status, int)), default=0)


def measure(gateway: StartedGateway, beats: mmap.mmap, body: Body) -> Result:
    content = body.make()
    port, process_id = gateway.port, gateway.process_id
    before = memory_mib(process_id, "VmRSS")
    Path(f"/proc/{process_id}/clear_refs").write_text("5")  # forgets the peak
    context = multiprocessing.get_context("spawn")
    has_begun, is_over, (receiver, sender) = context.Event(), context.Event(), context.Pipe(duplex=False)
    prober = context.Process(target=probe, args=(port, has_begun, is_over, sender))
    prober.start()
    has_begun.wait(PATIENCE_SECONDS)
    LAYOUT.pack_into(beats, 0, 0.0, 0.0)
    try:
        status = asyncio.run(send_all(port, gateway.token, body, content))
        time.sleep(0.1)
    finally:
        is_over.set()
        longest = receiver.recv() if receiver.poll(PATIENCE_SECONDS) else PATIENCE_SECONDS
        prober.join()
    _, busy = LAYOUT.unpack_from(beats)
    return Result(status, longest * 1000, busy * 1000, memory_mib(process_id, "VmHWM") - before)


def memory_mib(process_id: int, field: str) -> float:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(field)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is shown")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="", help="bodies that have this in their names")
    arguments = parser.parse_args()
    pin_to(LOAD_CORE)
    table = Table("body", "status", "others wait, ms", "loop busy, ms", "memory, MiB", title="Bodies")
    figures = {}
    for body in bodies():
        if arguments.only in body.name:
            result = measure_rounds(arguments.python, body, arguments.rounds)
            table.add_row(
                body.name,
                str(result.status),
                *(f"{value:,.0f}" for value in (result.wait_ms, result.busy_ms, result.memory_mib)),
            )
            figures[body.name] = asdict(result)
            print(body.name, file=sys.stderr, flush=True)
    Console().print(table)
    versions = hardware_and_versions("starlette", "uvicorn", "orjson", "pydantic", "python-multipart")
    print(json.dumps({"benchmark": "bodies", "rounds": arguments.rounds, "bodies": figures, **versions}))


def measure_rounds(python: str, body: Body, rounds: int) -> Result:
    """Medians, and the most memory, of one gateway."""
    command = [python, str(Path(__file__).with_name("heartbeat.py"))]
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(LAYOUT.size))
        file.flush()
        settings = {"GATEWAY_LIMITS__AUTH_ATTEMPTS_PER_MINUTE": "1000", "HEARTBEAT_FILE": file.name}
        with (
            mmap.mmap(file.fileno(), LAYOUT.size) as beats,
            started_gateway("chat vision speech", SERVER_CORE, command, **settings) as gateway,
        ):
            results = [measure(gateway, beats, body) for _ in range(1 if body.uploads > 1 else rounds)]
    return Result(
        status=results[0].status,
        wait_ms=round(statistics.median(result.wait_ms for result in results), 1),
        busy_ms=round(statistics.median(result.busy_ms for result in results), 1),
        memory_mib=round(max(result.memory_mib for result in results), 1),
    )


if __name__ == "__main__":
    main()
