"""TLS in front of a Redis server, with an authority made for the test; clients may have to show a certificate."""

from __future__ import annotations

import datetime as dt
import ipaddress
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.redis_server import HOST

_PIECE: Final = 1 << 16
_LOOK_S: Final = 0.02
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certified:
    """A certificate with its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for this machine; `file` is what trusts them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        own = x509.BasicConstraints(ca=True, path_length=None)
        signed = self._builder(self._name, self._key).add_extension(own, critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / "authority.pem"
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def certify(self, owner: str) -> Certified:
        """Return a certificate for the loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        signed = self._builder(_name(owner), key).add_extension(here, critical=False).sign(self._key, hashes.SHA256())
        made = Certified(self._folder / f"{owner}.pem", self._folder / f"{owner}.key")
        made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return made

    def _builder(self, owner: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(owner)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
        )


@contextmanager
def tls_proxy(port: int, server: Certified, *, clients: Authority | None = None) -> Iterator[int]:
    """Give the port of a TLS endpoint before the server on `port`, for the length of the block.

    Args:
        server: what it shows.
        clients: who must have signed the certificates that clients show; None to ask for none.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.certificate, server.key)
    if clients:
        context.load_verify_locations(clients.file)
        context.verify_mode = ssl.CERT_REQUIRED
    threads: list[Thread] = []
    with socket.create_server((HOST, 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threads.append(Thread(target=_carry, args=(client, port, context)))
                    threads[-1].start()

        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()


def _carry(plain: socket.socket, port: int, context: ssl.SSLContext) -> None:
    """Carry bytes both ways until one side closes; a handshake that fails ends the connection."""
    with (
        suppress(OSError),
        plain,
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection((HOST, port)) as server,
    ):
        while True:
            # what TLS has decrypted already does not make the socket readable
            ready = [client] if client.pending() else select.select([client, server], [], [], _LOOK_S)[0]
            for side in ready:
                piece = side.recv(_PIECE)
                if not piece:
                    return
                (server if side is client else client).sendall(piece)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
