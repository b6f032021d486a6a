"""The gateway's own application as an engine of other gateways: one key instead of users and tokens.

Does not import Ray, which creates an `EngineReplica` on each set of devices (`deploy/ray/deployment.py`) and
sends this module along: nodes need the package `autoglm-gateway` only.
"""

import asyncio
import hashlib
import hmac
import logging
import shutil
import tempfile
import time
import weakref
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import delete
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.admin.accounts import get_or_create_user
from app.http.services import Services
from app.main import create_app
from app.persistence.tables import UsageRow
from app.settings import Settings

logger = logging.getLogger(__name__)

USER: Final = "gateway"
SCOPES: Final = ("chat", "speech")
TOKEN_LIFETIME: Final = timedelta(hours=2)
RENEWAL_SECONDS: Final = TOKEN_LIFETIME.total_seconds() / 2
USAGE_KEPT: Final = timedelta(hours=1)  # the gateways in front record who used what
# Gateways in front apply the limits of users.
NO_LIMITS: Final = {"requests_per_minute": 1_000_000, "concurrent_requests": 100_000, "daily_tokens": None}

Headers = list[tuple[bytes, bytes]]


def digest_of(key: str) -> bytes:
    """What a replica knows of the key. It is random and long, so that a plain hash does not reveal it."""
    return hashlib.sha256(key.encode()).digest()


def engine_settings(given: Mapping[str, Any], data_dir: Path) -> Settings:
    """`given` are fields of `Settings` as `deploy/ray/deployment.py` read them. Raises ValidationError."""
    limits = {**given.get("limits", {}), **NO_LIMITS}
    own = {"env": "development", "data_dir": data_dir, "limits": limits, "metrics_networks": ()}
    absent = {"database_url": None, "redis_url": None, "auth": {"keys_dir": None}}
    return Settings(_env_file=None, **{**given, **own, **absent})


class EngineApplication:
    """An ASGI application. Requests with the key get a token of the replica's own user, others get none.

    `GET /health` responds with 200 while the model can serve, and needs no key.
    """

    def __init__(self, settings: Settings, key_digest: bytes) -> None:
        self._app = create_app(settings)
        self._key_digest = key_digest
        self._token = b""
        self._renew_at = 0.0
        self._user_id = ""
        open_gateway = self._app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with open_gateway(app), self._account():
                yield

        self._app.router.lifespan_context = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": self._authorize(scope["headers"])}
            if scope["path"] == "/health":
                scope |= {"path": "/readyz", "raw_path": b"/readyz"}
            receive = _ProxyReceive(receive)
        await self._app(scope, receive, send)

    @property
    def services(self) -> Services:
        """Valid in the lifespan."""
        services: Services = self._app.state.services
        return services

    @property
    def can_serve(self) -> bool:
        return self.services.backend.status().is_ready

    @asynccontextmanager
    async def _account(self) -> AsyncIterator[None]:
        async with self.services.database.session() as db_session:
            self._user_id = (await get_or_create_user(db_session, "replica", USER)).id
        forgetting = asyncio.create_task(_forget_usage(self.services))
        try:
            yield
        finally:
            forgetting.cancel()
            with suppress(asyncio.CancelledError):
                await forgetting

    def _authorize(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        """The headers with the token in place of the key, or without any credentials."""
        given = [value for name, value in headers if name == b"authorization"]
        others = [(name, value) for name, value in headers if name not in (b"authorization", b"cookie")]
        if len(given) == 1 and self._is_key(given[0]):
            others.append((b"authorization", b"Bearer " + self._current_token()))
        return others

    def _is_key(self, value: bytes) -> bool:
        scheme, _, key = value.partition(b" ")
        digest = hashlib.sha256(key.strip()).digest()
        return hmac.compare_digest(digest, self._key_digest) and scheme.lower() == b"bearer"

    def _current_token(self) -> bytes:
        now = time.monotonic()
        if now >= self._renew_at:
            minted = self.services.access_tokens.mint(self._user_id, SCOPES, TOKEN_LIFETIME)
            self._token, self._renew_at = minted.encoded.encode(), now + RENEWAL_SECONDS
        return self._token


class _ProxyReceive:
    """`receive` of a request that a proxy of Ray Serve sends.

    It raises an error of Ray when the proxy has died, such as with its machine: nobody reads the response.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_lost = False

    async def __call__(self) -> Message:
        if not self._is_lost:
            try:
                return await self._receive()
            except Exception as error:  # of Ray, which is not imported here
                logger.warning("the proxy of a request is lost", extra={"error": type(error).__name__})
                self._is_lost = True
        return {"type": "http.disconnect"}


class EngineReplica:
    """One engine with the devices that Ray gives to its process. Created and closed by Ray Serve."""

    def __init__(self, given: Mapping[str, Any], key_digest: bytes) -> None:
        directory = Path(tempfile.mkdtemp(prefix="autoglm-engine-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        settings = engine_settings(given, directory)
        self._application = EngineApplication(settings, key_digest)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return self._application

    def check_health(self) -> None:
        """Raises RuntimeError while no worker is healthy; Ray Serve then replaces the replica."""
        if not self._application.can_serve:
            raise RuntimeError("no worker of the engine is healthy")


async def _forget_usage(services: Services) -> None:
    """Keeps the replica's database small."""
    while True:
        await asyncio.sleep(USAGE_KEPT.total_seconds())
        async with services.database.session() as db_session:
            await db_session.execute(delete(UsageRow).where(UsageRow.at < datetime.now(UTC) - USAGE_KEPT))
