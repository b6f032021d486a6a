"""One of two gateways is killed under load: whoever retries with a key gets every response."""

import asyncio
import json
import signal
import uuid
from collections import Counter

import httpx
import pytest

from benchmarks.two_gateways import Site

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

CLIENTS, REQUESTS = 6, 3  # of each kind
MAX_TOKENS = 40  # 0.8 s
PATIENT_SECONDS = 60.0
RETRIED = {409, 502, 503}


class App:
    """Retries each request with its key until it has the whole response, as the quick starts do."""

    def __init__(self, client: httpx.AsyncClient, header: dict[str, str]) -> None:
        self.statuses: Counter[int] = Counter()
        self.lost_connections = 0
        self._client = client
        self._header = header

    async def say(self, prompt: str, *, stream: bool) -> str:
        headers = self._header | {"Idempotency-Key": str(uuid.uuid4())}
        body = {"prompt": prompt, "max_tokens": MAX_TOKENS, "stream": stream}
        async with asyncio.timeout(PATIENT_SECONDS):
            while True:
                try:
                    response = await self._client.post("/chat", headers=headers, json=body)
                except httpx.TransportError:
                    self.lost_connections += 1
                    continue
                self.statuses[response.status_code] += 1
                if response.status_code in RETRIED:
                    await asyncio.sleep(min(float(response.headers["retry-after"]), 1.0))
                    continue
                assert response.status_code == 200, response.text
                text = _streamed(response.text) if stream else response.json()["content"]
                if text is not None:
                    return text


def _streamed(body: str) -> str | None:
    """None if it ended before its end, or with an error."""
    text, name = "", ""
    for line in body.splitlines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: ") and name == "delta":
            text += json.loads(line[6:]).get("text", "")
    return text if name == "done" else None


def expected(prompt: str) -> str:
    words = ("chat", "user:", prompt, *(f"word{number}" for number in range(MAX_TOKENS)))
    return " ".join(words[:MAX_TOKENS])


async def test_every_request_with_a_key_gets_its_response(site: Site) -> None:
    _, header = await site.add_user(requests_per_minute=10_000, concurrent_requests=1_000)
    begun = asyncio.Event()

    async def use(app: App, number: int, *, stream: bool) -> None:
        for request in range(REQUESTS):
            prompt = f"prompt{number}x{request}"
            assert await app.say(prompt, stream=stream) == expected(prompt)
            begun.set()

    async with site.client() as client:
        whole, streamed = App(client, header), App(client, header)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(use(whole, number, stream=False))
                group.create_task(use(streamed, CLIENTS + number, stream=True))
            await begun.wait()
            site.gateways[0].send_signal(signal.SIGKILL)
        await site.gateways[0].wait()
        await site.gateways[0].start()
    assert whole.statuses[200] == CLIENTS * REQUESTS
    assert set(whole.statuses) <= {200, 409}, "nginx sent those of the killed gateway to the other one"
    assert whole.lost_connections == 0
    assert streamed.statuses[200] >= CLIENTS * REQUESTS
    await site.until_ready(0)
