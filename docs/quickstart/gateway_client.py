"""The gateway's client for an app: copy this file. It needs Python 3.11 and httpx.

Its methods yield the response so far, and survive lost connections: docs/resilience.md says how.
"""

import contextlib
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

RETRIED_STATUS = {429, 502, 503}
RETRIED_CODES = {"stream_not_found", "stream_abandoned", "idempotency_key_in_use"}


class GatewayError(Exception):
    """Decide by `code`: docs/errors.md lists all of them. After `invalid_grant` the user must sign in again.

    `connection_lost` (status 0) is this client's own: the network did not come back in time.
    """

    def __init__(self, status: int, code: str, detail: str, retry_after: float = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True)
class Reply:
    """The response so far. It is complete when it has a `finish_reason`."""

    text: str = ""
    transcript: str = ""
    finish_reason: str = ""


class GatewayClient:
    """Thread-safe. `save` stores each new refresh token, since each works once."""

    def __init__(
        self,
        url: str,
        refresh_token: str,
        save: Callable[[str], object],
        *,
        access_token: str | None = None,
        patience_seconds: float = 60,
        silence_seconds: float = 25,  # the gateway sends a line every 10 seconds: longer is a dead connection
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(silence_seconds, connect=10))
        self._refresh_token = refresh_token
        self._save = save
        self._access_token = access_token
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._refreshing = threading.Lock()

    def chat(self, **fields: Any) -> Iterator[Reply]:
        """Takes the fields of POST /chat. Close the iterator to stop the generation; so with all of them."""
        return self._stream(_Exchange("/chat", {"json": {**fields, "stream": True, "resumable": True}}))

    def vision(self, prompt: str, photo: bytes) -> Iterator[Reply]:
        """Takes a photo as the camera stores it."""
        return self._stream(_Exchange("/vision", _form({"prompt": prompt}, "image", photo)))

    def speech(self, recording: bytes) -> Iterator[Reply]:
        """Takes a recording as the phone makes it. The reply has its transcript."""
        return self._stream(_Exchange("/speech", _form({}, "audio", recording)))

    def _stream(self, exchange: "_Exchange") -> Iterator[Reply]:
        patience = _Patience(self._patience_seconds, self._sleep)
        expired = None
        try:
            while True:
                token = self._token(expired)
                try:
                    with self._open(exchange, token) as response:
                        if not response.is_success:
                            raise _error_of_response(response)
                        exchange.stream_id = response.headers.get("Stream-Id", exchange.stream_id)
                        for line in response.iter_lines():
                            if exchange.take(line):
                                patience.note_progress()
                                yield exchange.reply
                            if exchange.reply.finish_reason:
                                return
                    failure = _connection_lost()
                except (httpx.TransportError, ValueError):
                    failure = _connection_lost()
                except GatewayError as refused:
                    if refused.status == 401 and expired is None:
                        expired = token
                        continue
                    if refused.status not in RETRIED_STATUS and refused.code not in RETRIED_CODES:
                        raise
                    exchange.stream_id = ""
                    failure = refused
                if not exchange.stream_id:
                    exchange.begin_again()
                patience.wait(failure)
        except GeneratorExit:
            if exchange.stream_id:
                self._stop(exchange.stream_id)
            raise

    def _open(self, exchange: "_Exchange", token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        if exchange.stream_id:
            headers["Last-Event-ID"] = exchange.last_event
            return self._http.stream("GET", f"/streams/{exchange.stream_id}", headers=headers)
        headers["Idempotency-Key"] = exchange.key
        return self._http.stream("POST", exchange.path, headers=headers, **exchange.body)

    def _stop(self, stream_id: str) -> None:
        headers = {"Authorization": f"Bearer {self._access_token}"}
        with contextlib.suppress(httpx.TransportError):  # nobody reads it then: it is stopped in a minute
            self._http.delete(f"/streams/{stream_id}", headers=headers)

    def _token(self, expired: str | None) -> str:
        """All requests that need a new token wait for the same refresh, since a refresh token works once."""
        with self._refreshing:
            if self._access_token in (None, expired):
                self._access_token = self._refresh()
            return str(self._access_token)

    def _refresh(self) -> str:
        """A retry with the same refresh token within 30 seconds gets the same response."""
        fields = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        patience = _Patience(self._patience_seconds, self._sleep)
        while True:
            try:
                response = self._http.post("/auth/token", json=fields)
                if not response.is_success:
                    raise _error_of_response(response)
                pair = response.json()
                self._save(pair["refresh_token"])  # first, since the old one no longer works
                self._refresh_token = pair["refresh_token"]
                return str(pair["access_token"])
            except (httpx.TransportError, ValueError):
                failure = _connection_lost()
            except GatewayError as refused:
                if refused.status not in RETRIED_STATUS:
                    raise
                failure = refused
            patience.wait(failure)


@dataclass
class _Exchange:
    """One request and what has arrived of its response. All attempts have one key: it generates once."""

    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    stream_id: str = ""
    last_event: str = "0"
    reply: Reply = Reply()
    _event: str = ""
    _id: str = ""

    def begin_again(self) -> None:
        self.last_event = "0"
        self.reply = Reply()

    def take(self, line: str) -> bool:
        """An event is a line `event:`, one `id:` and then one `data:`, after which this is true."""
        if line.startswith("event: "):
            self._event = line.removeprefix("event: ")
        if line.startswith("id: "):
            self._id = line.removeprefix("id: ")
        if not line.startswith("data: "):
            return False
        data = json.loads(line.removeprefix("data: "))
        match self._event:
            case "transcript":
                self.reply = replace(self.reply, transcript=data["transcript"])
            case "delta":
                self.reply = replace(self.reply, text=self.reply.text + data.get("text", ""))
            case "done":
                self.reply = replace(self.reply, finish_reason=data["finish_reason"])
            case "error":
                raise _error_of(data, retry_after=0)
        self.last_event = self._id
        return True


class _Patience:
    """Waits before a retry: as long as the gateway says, or longer each time until there is progress."""

    def __init__(self, seconds: float, sleep: Callable[[float], None]) -> None:
        self._seconds_left = seconds
        self._sleep = sleep
        self._pause = 1.0

    def note_progress(self) -> None:
        self._pause = 1.0

    def wait(self, failure: GatewayError) -> None:
        """Raises the failure when it is time to give up."""
        seconds = max(failure.retry_after, self._pause * random.random())  # noqa: S311
        if seconds > self._seconds_left:
            raise failure
        self._seconds_left -= seconds
        self._pause = min(2 * self._pause, 16)
        self._sleep(seconds)


def _error_of_response(response: httpx.Response) -> GatewayError:
    retry_after = response.headers.get("Retry-After", "")
    problem = json.loads(response.read())  # ValueError: a hotspot's page, for example
    return _error_of(problem, float(retry_after) if retry_after.isdecimal() else 0)


def _error_of(problem: dict[str, Any], retry_after: float) -> GatewayError:
    return GatewayError(problem["status"], problem["code"], problem["detail"], retry_after)


def _connection_lost() -> GatewayError:
    return GatewayError(0, "connection_lost", "No connection. Try again later.")


def _form(fields: dict[str, str], name: str, file: bytes) -> dict[str, Any]:
    return {"data": {**fields, "stream": "true", "resumable": "true"}, "files": {name: file}}
