"""A certificate authority of a benchmark, and the certificate of its receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

AUTHORITY, SERVER = "authority.pem", "server.pem"


def write(folder: Path, hosts: Sequence[str]) -> Path:
    """Write a certificate that is valid for these addresses, and its authority; return the authority's path."""
    folder.mkdir(parents=True)
    root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root = _certificate("the authority of a benchmark", root_key, "the authority of a benchmark", root_key, None)
    server = _certificate("the receiver", key, "the authority of a benchmark", root_key, hosts)
    (folder / AUTHORITY).write_bytes(root.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / SERVER).write_bytes(secret + server.public_bytes(Encoding.PEM))
    return folder / AUTHORITY


def _certificate(
    name: str, key: EllipticCurvePrivateKey, issuer: str, signer: EllipticCurvePrivateKey, hosts: Sequence[str] | None
) -> x509.Certificate:
    """Return a certificate for hosts, or without any an authority's."""
    now, authority = datetime.now(UTC), hosts is None
    usage = {
        "digital_signature": True, "key_cert_sign": authority, "crl_sign": authority, "content_commitment": False,
        "key_encipherment": False, "data_encipherment": False, "key_agreement": False, "encipher_only": False,
        "decipher_only": False,
    }  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if hosts is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
