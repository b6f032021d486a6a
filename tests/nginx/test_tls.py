"""TLS as openssl and curl see it, and what plain HTTP still serves."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.certificates import pin_of, read_certificates
from testbed.servers import free_port, spawn, stop_process

from .conftest import StartNginx
from .nginx_server import NginxServer, run
from .signed_by_authority import sign_by_authority

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


async def handshake(nginx: NginxServer, *arguments: str) -> str:
    """The output of `openssl s_client`; empty if there was no handshake."""
    where = f"localhost:{nginx.https_port}"
    command = ["openssl", "s_client", "-connect", where, "-CAfile", str(nginx.certificate), *arguments]
    code, out, _ = await run(*command, stdin=b"Q\n")
    said = out.decode(errors="replace")
    return said if code == 0 and "Cipher is (NONE)" not in said else ""


@pytest.mark.parametrize("name", ["_", "localhost"])
async def test_tls_1_2_and_1_3_are_supported_and_nothing_older(start_nginx: StartNginx, name: str) -> None:
    nginx = start_nginx(free_port(), NGINX_SERVER_NAME=name)
    for version in ("1_2", "1_3"):
        verified = ["-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error"]
        said = await handshake(nginx, f"-tls{version}", *verified)
        assert f"New, TLSv{version.replace('_', '.')}" in said
        assert "Verify return code: 0 (ok)" in said
    for version in ("-tls1", "-tls1_1"):
        assert await handshake(nginx, version, "-cipher", "ALL:@SECLEVEL=0") == ""


async def test_ciphers_of_tls_1_2_have_forward_secrecy_and_authenticate(bare_nginx: NginxServer) -> None:
    _, out, _ = await run("openssl", "ciphers", "-s", "-tls1_2", "ALL:@SECLEVEL=0")
    accepted = set()
    for cipher in out.decode().strip().split(":"):
        if await handshake(bare_nginx, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"):
            accepted.add(cipher)
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in accepted
    assert all(re.fullmatch(r"ECDHE-ECDSA-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)", name) for name in accepted)


async def test_sessions_are_resumed_without_tickets(bare_nginx: NginxServer, tmp_path: Path) -> None:
    session = str(tmp_path / "session")
    first = await handshake(bare_nginx, "-tls1_2", "-sess_out", session)
    assert "TLS session ticket:" not in first
    assert "Reused, TLSv1.2" in await handshake(bare_nginx, "-tls1_2", "-sess_in", session)


@pytest.mark.parametrize(("offered", "agreed"), [("h2,http/1.1", "h2"), ("http/1.1", "http/1.1")])
async def test_alpn_prefers_http2(bare_nginx: NginxServer, offered: str, agreed: str) -> None:
    assert f"ALPN protocol: {agreed}" in await handshake(bare_nginx, "-alpn", offered)


async def test_every_response_tells_browsers_to_use_https(nginx: NginxServer) -> None:
    for path in ("/healthz", "/nothing"):
        response = await nginx.curl(path)
        assert response.version == "HTTP/2"
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["server"] == "nginx", "no version"


async def test_printed_pin_is_that_of_the_key_served(bare_nginx: NginxServer) -> None:
    (certificate,) = read_certificates(bare_nginx.certificate)
    shell = (
        f"openssl s_client -connect localhost:{bare_nginx.https_port} </dev/null 2>/dev/null"
        " | openssl x509 -noout -pubkey | openssl pkey -pubin -outform der"
        " | openssl dgst -sha256 -binary | openssl base64"
    )
    _, out, _ = await run("/bin/sh", "-c", shell)
    assert out.decode().strip() == pin_of(certificate)
    pinned = await bare_nginx.curl("/", "--pinnedpubkey", f"sha256//{pin_of(certificate)}")
    assert pinned.status == 502, "curl, which is told the pin, goes on to the request"


async def test_client_that_connects_with_another_name_does_not_get_the_certificate(
    start_nginx: StartNginx,
) -> None:
    nginx = start_nginx(free_port(), NGINX_SERVER_NAME="localhost,second.test")
    for name in ("localhost", "second.test"):
        assert await handshake(nginx, "-servername", name)
    for arguments in (["-servername", "other.test"], ["-noservername"]):
        assert await handshake(nginx, *arguments) == ""
    for url in (nginx.url, f"http://localhost:{nginx.http_port}"):
        response = await nginx.curl("/", "-H", "Host: other.test", url=url)
        assert (response.status, response.json()["code"]) == (421, "misdirected_request")


@pytest.fixture
def responder(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Certificate chain and authority of a running OCSP responder (openssl's)."""
    port = free_port()
    signed = sign_by_authority(tmp_path, f"http://127.0.0.1:{port}/")
    command = ["openssl", "ocsp", "-index", signed.index, "-port", str(port), "-rsigner", signed.authority]
    command += ["-rkey", signed.authority_key, "-CA", signed.authority, "-ndays", "1"]
    process = spawn([str(word) for word in command], tmp_path / "ocsp.log", signal.SIGKILL)
    yield signed.chain, signed.authority
    stop_process(process, signal.SIGKILL)


async def test_ocsp_response_is_stapled(responder: tuple[Path, Path], start_nginx: StartNginx) -> None:
    chain, authority = responder
    nginx = start_nginx(free_port(), certificate=chain, NGINX_TLS_AUTHORITIES=str(authority))
    said: list[str] = []
    async with asyncio.timeout(20):
        while not said or "no response sent" in said[-1]:  # nginx calls the responder at the first handshake
            said.append(await handshake(nginx, "-status"))
    assert "OCSP Response Status: successful" in said[-1]
    assert "Cert Status: good" in said[-1]


async def test_plain_http_is_refused_before_a_token_is_sent_twice(nginx: NginxServer) -> None:
    url = f"http://localhost:{nginx.http_port}"
    for path in ("/chat", "/v1/chat/completions", "/"):
        response = await nginx.curl(path, "--json", "{}", url=url)
        assert response.status == 403
        body = response.json()
        assert (body["error"] if path.startswith("/v1") else body)["code"] == "https_required"
        assert "location" not in response.headers
    lines = await nginx.logged(3)
    assert {line["gateway"] for line in lines} == {""}


async def test_plain_http_on_the_port_of_https_gets_the_same_response(nginx: NginxServer) -> None:
    response = await nginx.curl("/chat", url=f"http://localhost:{nginx.https_port}")
    assert (response.status, response.json()["code"]) == (403, "https_required")


async def test_browser_that_opens_the_page_over_http_is_redirected(nginx: NginxServer) -> None:
    response = await nginx.curl("/ops", url=f"http://localhost:{nginx.http_port}")
    assert (response.status, response.headers["location"]) == (308, f"{nginx.url}/ops")


async def test_certbots_challenges_are_served(start_nginx: StartNginx) -> None:
    nginx = start_nginx(free_port(), NGINX_ACME_DIR="/nonexistent")
    webroot = nginx.directory / "acme"
    challenges = webroot / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("proof")
    nginx.reload(NGINX_ACME_DIR=str(webroot))
    url = f"http://localhost:{nginx.http_port}"
    statuses: list[int] = []
    async with asyncio.timeout(10):
        while 200 not in statuses:
            response = await nginx.curl("/.well-known/acme-challenge/token", url=url)
            statuses.append(response.status)
    assert response.body == b"proof"
    missing = await nginx.curl("/.well-known/acme-challenge/other", url=url)
    assert (missing.status, missing.json()["code"]) == (404, "not_found")
