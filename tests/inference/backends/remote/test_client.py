"""Connections to engines over TLS, with a certificate that only `ca_file` makes valid; and to silent ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.cli.certificates import self_sign
from inference.backends.remote.client import TRANSPORT_ERRORS, EngineClient, why_lost
from inference.backends.remote.examination import examine_engines
from inference.config import RemoteConfig, RemoteEndpoint

from .engine_server import STREAM_HEAD, EngineServer, Exchange, engine_server, whole

pytestmark = pytest.mark.anyio


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """With its key, in one file."""
    signed = self_sign(["127.0.0.1"], timedelta(days=1), ec.generate_private_key(ec.SECP256R1()))
    path = tmp_path / "engine.pem"
    key = signed.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(key + signed.certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
async def secured(certificate: Path) -> AsyncIterator[RemoteEndpoint]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    engine = EngineServer("", whole)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield RemoteEndpoint(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.mark.parametrize("is_transcriber", [False, True])
async def test_certificates_of_all_engines_are_verified(
    secured: RemoteEndpoint, certificate: Path, *, is_transcriber: bool
) -> None:
    async with engine_server(whole) as plain:
        others = (RemoteEndpoint(plain.url),)
        config = RemoteConfig(
            endpoints=others if is_transcriber else (secured,),
            transcribers=(secured,) if is_transcriber else others,
        )
        faults = {each.url: each.fault for each in await examine_engines(config)}
        assert faults[plain.url] is None
        assert (faults[secured.url] or "").startswith("it cannot be reached: its certificate is not trusted")
        trusting = RemoteConfig(config.endpoints, transcribers=config.transcribers, ca_file=str(certificate))
        faults = {each.url: each.fault for each in await examine_engines(trusting)}
        assert faults == {plain.url: None, secured.url: None}


@pytest.mark.parametrize("sends_head", [False, True])
async def test_silent_engine_is_not_a_request_whose_time_is_over(*, sends_head: bool) -> None:
    """A TimeoutError ends the request with the text so far, and says nothing about the engine."""

    async def fall_silent(exchange: Exchange) -> None:
        if sends_head:
            await exchange.send(STREAM_HEAD)
        await exchange.is_left.wait()

    async with (
        engine_server(fall_silent) as engine,
        EngineClient(aiohttp.ClientSession(), verify=False, stall_seconds=0.05) as client,
    ):

        async def read() -> bytes:
            response = await client.open_stream(f"{engine.url}/v1/chat/completions", {}, b"{}")
            async with aclosing(response):
                return await response.read()

        with pytest.raises(TRANSPORT_ERRORS) as caught:
            await read()
        assert not isinstance(caught.value, TimeoutError)


async def test_time_that_is_over_is_called_so() -> None:
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert why_lost(caught.value) == "it does not respond in time"
