"""Clients over our transport, and a certificate nobody trusts."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.post_transport import PostTransport
from providers.transport import AiohttpTransport

Transports = Callable[..., httpx.AsyncBaseTransport]

TIMEOUT_S = 0.3


@pytest.fixture(
    params=[AiohttpTransport, partial(PostTransport, connect_s=TIMEOUT_S, read_s=TIMEOUT_S)], ids=["reads", "posts"]
)
def transports(request: pytest.FixtureRequest) -> Transports:
    """Makes a transport of one of the two kinds: both keep the same promises."""
    made: Transports = request.param
    return made


@pytest.fixture
async def client(transports: Transports) -> AsyncIterator[httpx.AsyncClient]:
    """A client for posts."""
    async with httpx.AsyncClient(transport=transports(), timeout=httpx.Timeout(TIMEOUT_S), trust_env=False) as opened:
        yield opened


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    """A client for everything else."""
    timeout = httpx.Timeout(TIMEOUT_S)
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=timeout, trust_env=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a PEM file with a key and a certificate for 127.0.0.1 that no authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def server_tls(self_signed: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed)
    return context
