"""Serves metrics and health over HTTP from threads of its own, so that it answers whatever the event loop does."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from trunkline_client.errors import TrunklineError
from worker.health import Verdict

Check = Callable[[], Verdict]
#: A client that has not sent its whole request by then is sent away, also one that sends it byte by byte.
_REQUEST_S: Final = 5.0
#: How many are served at a time, each by a thread; others wait for a moment, and are sent away then.
_MOST_CLIENTS: Final = 32
_WAIT_S: Final = 0.5

_log = structlog.get_logger("trunkline.worker")


class PortUnavailable(TrunklineError):
    """Metrics cannot be served where the settings say."""


class _Server(ThreadingMixIn, WSGIServer):
    """Serves a bounded number of clients, and shows the door to those that do not get on with their requests."""

    daemon_threads = True
    #: With the library's 5 a connection in a crowd is tried again after 1 s, 3 s and 7 s: too late for a probe.
    request_queue_size = 128
    #: A server that ends must not wait for a client that does not read.
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._clients = threading.BoundedSemaphore(_MOST_CLIENTS)
        #: when the request of each must be there; by the thread of the server and those of the clients
        self._due_at: dict[socket.socket, float] = {}
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Bind, without the search for this machine's name in the DNS that `HTTPServer` begins with."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._clients.acquire(timeout=_WAIT_S):
            self.shutdown_request(request)
            return
        self._due_at[request] = time.monotonic() + _REQUEST_S
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.arrived(request)
            self._clients.release()

    def arrived(self, request: Any) -> None:
        """Note that the client's request is whole, or over."""
        self._due_at.pop(request, None)

    def service_actions(self) -> None:
        """End the reading of requests that are late; called twice a second."""
        now = time.monotonic()
        for request, due_at in list(self._due_at.items()):
            if due_at < now:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # the library's signature
        """Write one line, and nothing of clients that go or say nothing; the library would print a traceback."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            _log.error("metrics.request_failed", error=type(error).__name__, exc_info=error)


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_S

    def parse_request(self) -> bool:
        is_good = super().parse_request()
        cast("_Server", self.server).arrived(self.connection)
        return is_good

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
        """Write nothing: a probe every few seconds says nothing."""

    def address_string(self) -> str:
        return str(self.client_address[0])


class MetricsServer:
    """One HTTP server: `/metrics`, and a path for each check, which answers 200 or 503 and says in JSON what is wrong.

    Args:
        registry: what `/metrics` shows.
        checks: the other paths.
    """

    def __init__(self, registry: CollectorRegistry, checks: Mapping[str, Check]) -> None:
        self._metrics = make_wsgi_app(registry, disable_compression=False)
        self._checks = dict(checks)
        self._server: WSGIServer | None = None

    def start(self, host: str, port: int, *, where: str) -> int:
        """Listen, and return the port: the one asked for, or a free one if that was 0.

        Args:
            host: the address to listen on.
            port: the port.
            where: what set the two, for the error.

        Raises:
            PortUnavailable: somebody else listens there, or this machine has no such address.
        """
        try:
            server = make_server(host, port, self._answer, server_class=_Server, handler_class=_Handler)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise PortUnavailable(f"{where}: cannot listen on {host} port {port}: {reason}") from error
        self._server = server
        threading.Thread(target=server.serve_forever, name="trunkline-metrics", daemon=True).start()
        return int(server.server_port)

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _text(start_response, "405 Method Not Allowed", {"error": "only GET"})
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start_response)
            return answer
        check = self._checks.get(path)
        if check is None:
            paths = ["/metrics", *self._checks]
            return _text(start_response, "404 Not Found", {"error": f"only {', '.join(paths)}"})
        verdict = check()
        status = "200 OK" if verdict.is_good else "503 Service Unavailable"
        return _text(start_response, status, {"ok": verdict.is_good, "problems": list(verdict.problems)})


def _text(start_response: StartResponse, status: str, body: object) -> list[bytes]:
    text = json.dumps(body).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [text]
