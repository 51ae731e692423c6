"""Serves metrics and health over HTTP from threads of its own, so that it answers whatever the event loop does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from trunkline_client.errors import TrunklineError
from worker.health import Verdict

Check = Callable[[], Verdict]
#: A client that has sent no request by then is sent away.
_REQUEST_S: Final = 5.0


class PortUnavailable(TrunklineError):
    """Metrics cannot be served where the settings say."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    #: A server that ends must not wait for a client that does not read.
    block_on_close = False


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_S

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
