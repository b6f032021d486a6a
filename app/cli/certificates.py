"""X.509 for `gateway tls`: a self-signed certificate for development, and the pins of any certificate.

A pin is the SHA-256 of a public key (RFC 7469): it outlives a certificate that is renewed with the same key.
"""

import base64
import hashlib
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCK_SKEW: Final = timedelta(hours=1)  # a phone's clock may be slow
_MAX_COMMON_NAME: Final = 64  # characters, X.520


class InvalidCertificate(Exception):
    """Not a valid certificate, key or name. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class SelfSigned:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def self_sign(names: Sequence[str], lifetime: timedelta, key: ec.EllipticCurvePrivateKey) -> SelfSigned:
    """`names` are host names and addresses, the first of them the subject. Raises `InvalidCertificate`."""
    now = datetime.now(UTC)
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_MAX_COMMON_NAME])])
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    except ValueError:
        raise InvalidCertificate("Each --name is a host name in ASCII, or an address.") from None
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return SelfSigned(certificate, key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def read_or_make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in the file, so that its pin stays the same; a new one where there is no file."""
    if not path.exists():
        return ec.generate_private_key(ec.SECP256R1())
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidCertificate(
            f"{path} does not hold an unencrypted elliptic-curve key in PEM; move it elsewhere."
        )
    return key


def write(made: SelfSigned, certificate_path: Path, key_path: Path) -> None:
    """The key for its owner alone."""
    key_bytes = made.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(key_bytes)
    certificate_path.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))


def read_certificates(path: Path) -> list[x509.Certificate]:
    """All in a PEM file, in its order. Raises `InvalidCertificate`."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise InvalidCertificate(f"{path} does not hold a certificate in PEM.") from None


def pin_of(certificate: x509.Certificate) -> str:
    """Base64, as Android, iOS and OkHttp take it."""
    public_key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(public_key).digest()).decode("ascii")
