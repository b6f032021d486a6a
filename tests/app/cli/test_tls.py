"""`gateway tls`, checked with openssl and Python's own client."""

import ipaddress
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tests.app.cli.conftest import Run


def lines_of(out: str) -> dict[str, str]:
    return {line[:11].strip(): line[11:].strip() for line in out.splitlines()}


def pin_by_openssl(certificate: Path) -> str:
    pipeline = (
        f"openssl x509 -in {certificate} -noout -pubkey | openssl pkey -pubin -outform der"
        " | openssl dgst -sha256 -binary | openssl base64"
    )
    done = subprocess.run(["/bin/sh", "-c", pipeline], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_self_signed_is_for_this_machine_and_printed_with_its_pin(run: Run, tmp_path: Path) -> None:
    made = run("tls", "self-signed")
    assert (made.code, made.err) == (0, "")
    said = lines_of(made.out)
    path = tmp_path / "data" / "tls" / "certificate.pem"
    assert said["certificate"] == str(path)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    loopback = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    assert names.get_values_for_type(x509.IPAddress) == loopback
    lifetime = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=396) < lifetime < timedelta(days=398)
    assert said["pin"] == f"sha256/{pin_by_openssl(path)}"


def test_strict_verification_accepts_it(run: Run, tmp_path: Path) -> None:
    run("tls", "self-signed", "--name", "gateway.test")
    path = tmp_path / "data" / "tls" / "certificate.pem"
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "gateway.test",
    ]
    verified = subprocess.run([*command, "-CAfile", path, path], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    wrong_name = [*command[:-1], "other.test", "-CAfile", path, path]
    assert subprocess.run(wrong_name, capture_output=True, check=False).returncode != 0


def test_key_is_for_its_owner_alone_and_fits(run: Run, tmp_path: Path) -> None:
    run("tls", "self-signed", "--directory", "own")
    key = tmp_path / "own" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(key.with_name("certificate.pem"), key)


def test_data_directory_that_it_makes_is_its_owners(run: Run, tmp_path: Path) -> None:
    run("tls", "self-signed")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_renewing_keeps_the_key_and_so_the_pin(run: Run, tmp_path: Path) -> None:
    first = lines_of(run("tls", "self-signed", "--days", "1").out)
    second = lines_of(run("tls", "self-signed").out)
    assert first["valid until"] < second["valid until"]
    assert first["pin"] == second["pin"]


def test_pins_of_a_chain_are_printed_in_its_order(run: Run, tmp_path: Path) -> None:
    for name in ("leaf.test", "issuer.test"):
        run("tls", "self-signed", "--name", name, "--directory", name)
    parts = [tmp_path / name / "certificate.pem" for name in ("leaf.test", "issuer.test")]
    chain = tmp_path / "fullchain.pem"
    chain.write_bytes(b"".join(part.read_bytes() for part in parts))
    printed = run("tls", "pins", str(chain))
    assert printed.out.splitlines() == [
        f"sha256/{pin_by_openssl(parts[0])}  CN=leaf.test",
        f"sha256/{pin_by_openssl(parts[1])}  CN=issuer.test",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("tls", "pins", "missing.pem"),
        ("tls", "pins", "text.pem"),
        ("tls", "self-signed", "--name", "gäteway.test"),
        ("tls", "self-signed", "--directory", "occupied"),
        ("tls", "self-signed", "--directory", "text.pem"),
    ],
)
def test_unusable_input_is_reported_in_one_sentence(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "key.pem").write_text("no key")
    failed = run(*arguments)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.startswith("gateway: ")
    assert failed.err.count("\n") == 1
