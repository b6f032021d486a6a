"""Streams through HTTP from processes of their own, so that reading them costs the server nothing.

As a script it runs its share of a load, a JSON object on standard input, and writes what it saw to a file.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.stream_load import Load, Stream, run_load

START_SECONDS = 3.0  # until all processes run
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    tokens: tuple[str, ...]  # of different users
    model: str


def run_clients(server: Server, load: Load, processes: int) -> list[Stream]:
    """Divides a load over processes. All of them start together."""
    starts_at = time.monotonic() + START_SECONDS
    shares = [
        replace(
            load,
            streams=load.streams // processes + (index < load.streams % processes),
            first=load.first + 100_000 * index,
            rate=load.rate / processes,
            starts_at=starts_at,
        )
        for index in range(processes)
    ]
    with tempfile.TemporaryDirectory() as directory:
        results = [Path(directory, f"{index}.json") for index in range(processes)]
        running = [subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE) for _ in shares]
        for process, share, result in zip(running, shares, results, strict=True):
            assert process.stdin is not None
            asked = {"server": asdict(server), "load": asdict(share), "result": str(result)}
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
        codes = [process.wait() for process in running]
        if any(codes):
            raise SystemExit("A client process failed.")
        return [Stream(**each) for result in results for each in json.loads(result.read_text())]


class Asking:
    """Reads one response after the other, each on a connection of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._count = 0

    async def __call__(self, prompt: str, max_tokens: int, stream: Stream) -> None:
        server, self._count = self._server, self._count + 1
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 20)
        body = json.dumps(
            {
                "model": server.model,
                "messages": [{"role": "user", "content": prompt}],
                "max_tokens": max_tokens,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        ).encode()
        token = server.tokens[self._count % len(server.tokens)]
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            writer.write(head.encode() + body)
            status = await reader.readline()
            if b" 200 " not in status:
                raise ConnectionError(status.decode())
            is_done = False
            while line := await reader.readline():
                if line.startswith(b"data: {"):
                    self._take(json.loads(line[6:]), stream)
                is_done = is_done or line.startswith(b"data: [DONE]")
            if not is_done or stream.error:
                raise ConnectionError(stream.error or "the response is cut off")
        finally:
            writer.close()
            await writer.wait_closed()

    def _take(self, chunk: dict[str, object], stream: Stream) -> None:
        if "error" in chunk:
            stream.error = str(chunk["error"])
        usage, choices = chunk.get("usage"), chunk.get("choices")
        if isinstance(usage, dict):
            stream.tokens = usage["completion_tokens"]
        if isinstance(choices, list) and choices:
            text = choices[0]["delta"].get("content") or choices[0]["delta"].get("reasoning_content")
            if text:
                stream.note(len(text))


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read())
    server, load = Server(**asked["server"]), Load(**asked["load"])
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        streams = runner.run(run_load(load, Asking(server)))
    Path(asked["result"]).write_text(json.dumps([asdict(stream) for stream in streams]))


if __name__ == "__main__":
    main()
