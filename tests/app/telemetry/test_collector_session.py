"""The connection to the collector: whom it trusts, and what the log says of it."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.cli.certificates import self_sign, write
from testbed.servers import free_port
from tests.app.conftest import StartGateway
from tests.app.gateway import serving

from .conftest import CollectorServer, StartTraced, flush

pytestmark = pytest.mark.anyio

SECRET = "s3cret"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Self-signed, for 127.0.0.1; its key is beside it, with the suffix `.key`."""
    path = tmp_path / "collector.pem"
    made = self_sign(["127.0.0.1"], timedelta(days=1), ec.generate_private_key(ec.SECP256R1()))
    write(made, path, path.with_suffix(".key"))
    return path


@pytest.fixture
async def tls_collector(certificate: Path) -> AsyncIterator[CollectorServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server = CollectorServer()
    async with serving(server, tls=context) as port:
        server.port = port
        yield server


async def test_collector_with_a_certificate_of_the_settings_is_trusted(
    tls_collector: CollectorServer, certificate: Path, start_gateway: StartGateway
) -> None:
    endpoint = f"https://127.0.0.1:{tls_collector.port}"
    gateway = await start_gateway(telemetry={"endpoint": endpoint, "ca_file": certificate})
    await gateway.client.post("/chat")
    await flush(gateway)
    assert [span.name for span in tls_collector.spans if span.name == "POST /chat"]
    assert "gateway_requests" in tls_collector.metrics


async def test_collector_with_an_unknown_certificate_gets_nothing(
    tls_collector: CollectorServer, start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = f"https://127.0.0.1:{tls_collector.port}"
    gateway = await start_gateway(telemetry={"endpoint": endpoint, "metrics": False})
    await gateway.client.post("/chat")
    await flush(gateway)
    assert tls_collector.requests == []
    assert "traces cannot be delivered: SSLError" in [record.getMessage() for record in caplog.records]


@pytest.fixture
async def stammering_port() -> AsyncIterator[int]:
    """Sends a response whose headers are malformed."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad\r\n: no name\r\nbroken\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_neither_address_nor_headers_nor_tracebacks_are_logged(
    stammering_port: int,
    collector: CollectorServer,
    start_traced: StartTraced,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for port in (stammering_port, free_port(), collector.port):
        collector.statuses = [400] * 10
        endpoint = f"http://127.0.0.1:{port}/{SECRET}"
        gateway = await start_traced({"endpoint": endpoint, "headers": f"key={SECRET}"})
        await gateway.client.post("/chat")
        await flush(gateway)
    printed = capfd.readouterr()
    logged = [record for record in caplog.records if "telemetry" in record.name or "urllib3" in record.name]
    assert {record.name for record in logged} <= {
        "app.telemetry.collector_session",
        "app.telemetry.telemetry",
    }
    assert not [record for record in logged if record.exc_info]
    failures = [record.getMessage() for record in logged if record.getMessage().startswith("traces cannot")]
    assert failures == [
        "traces cannot be delivered: status 400",
        "traces cannot be delivered: ConnectionError",
        "traces cannot be delivered: status 400",
    ]
    for text in [printed.out, printed.err, *(record.getMessage() for record in caplog.records)]:
        assert SECRET not in text
