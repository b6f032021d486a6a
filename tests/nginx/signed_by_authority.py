"""A certificate that is signed by an authority and names an OCSP responder, for the tests of stapling."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class SignedByAuthority:
    """`chain` is the certificate and its authority's, key.pem beside it; `index` lists it for openssl."""

    chain: Path
    authority: Path
    authority_key: Path
    index: Path


def sign_by_authority(directory: Path, responder_url: str) -> SignedByAuthority:
    now = datetime.now(UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = (
        x509.CertificateBuilder().issuer_name(issuer).not_valid_before(now - DAY).not_valid_after(now + DAY)
    )
    authority = (
        builder.subject_name(issuer)
        .public_key(authority_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    responder = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder_url)
    )
    certificate = (
        builder.subject_name(subject)
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    files = SignedByAuthority(
        *(directory / name for name in ("certificate.pem", "ca.pem", "ca-key.pem", "index.txt"))
    )
    files.chain.write_bytes(_pem(certificate) + _pem(authority))
    files.authority.write_bytes(_pem(authority))
    files.authority_key.write_bytes(_pem_of_key(authority_key))
    files.chain.with_name("key.pem").write_bytes(_pem_of_key(key))
    expires = certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ")
    files.index.write_text(f"V\t{expires}\t\t02\tunknown\t/CN=localhost\n")
    return files


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
