"""The server of metrics and health, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter

from worker import metrics_server, probe
from worker.health import Verdict
from worker.metrics_server import MetricsServer, PortUnavailable

pytestmark = pytest.mark.integration

LOOPBACK = "127.0.0.1"


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urlopen(Request(f"http://{LOOPBACK}:{port}{path}", method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def port() -> Iterator[int]:
    registry = CollectorRegistry()
    Counter("trunkline_things", "Things.", registry=registry).inc()
    server = MetricsServer(registry, {"/livez": lambda: Verdict(()), "/readyz": lambda: Verdict(("it sleeps",))})
    yield server.start(LOOPBACK, 0, where="--port")
    server.stop()


def test_metrics_are_in_the_text_format(port: int) -> None:
    status, page = ask(port, "/metrics")

    assert (status, "trunkline_things_total 1.0" in page) == (200, True)


@pytest.mark.parametrize(
    ("path", "method", "status", "body"),
    [
        ("/livez", "GET", 200, {"ok": True, "problems": []}),
        ("/readyz", "GET", 503, {"ok": False, "problems": ["it sleeps"]}),
        ("/", "GET", 404, {"error": "only /metrics, /livez, /readyz"}),
        ("/metrics", "POST", 405, {"error": "only GET"}),
    ],
)
def test_a_path_answers_with_its_verdict(port: int, path: str, method: str, status: int, body: object) -> None:
    code, text = ask(port, path, method)

    assert (code, json.loads(text)) == (status, body)


def test_a_client_that_says_nothing_keeps_nobody_waiting(port: int) -> None:
    with socket.create_connection((LOOPBACK, port)):
        assert ask(port, "/livez")[0] == 200


def test_clients_that_do_not_get_on_with_their_requests_are_sent_away(
    port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_server, "_REQUEST_S", 0.5)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=10)) for _ in range(40)]
        for client in slow:
            with contextlib.suppress(OSError):  # more than are served at a time are sent away
                client.sendall(b"GET /livez HT")
        threads = sum("process_request_thread" in thread.name for thread in threading.enumerate())

        # Each is told nothing, or that its connection is over.
        for client in slow:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""

    assert threads <= 32
    assert ask(port, "/livez")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_crowd_that_asks_at_once_is_answered(port: int) -> None:
    with ThreadPoolExecutor(100) as crowd:
        answers = list(crowd.map(lambda _: ask(port, "/metrics")[0], range(300)))

    assert answers == [200] * 300


def test_a_request_that_fails_is_one_line_and_the_next_is_served(capfd: pytest.CaptureFixture[str]) -> None:
    def fails(_: object) -> bool:
        raise ValueError("a bug")

    server = MetricsServer(CollectorRegistry(), {"/livez": lambda: Verdict(())})
    port = server.start(LOOPBACK, 0, where="--port")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("worker.metrics_server._Handler.parse_request", fails)
            with (
                socket.create_connection((LOOPBACK, port), timeout=10) as client,
                structlog.testing.capture_logs() as lines,
            ):
                client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                assert client.recv(100) == b""
        assert ask(port, "/livez")[0] == 200
    finally:
        server.stop()

    assert [(line["event"], line["error"]) for line in lines] == [("metrics.request_failed", "ValueError")]
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_in_use_is_one_clear_error(port: int) -> None:
    with pytest.raises(
        PortUnavailable, match=rf"TRUNKLINE_METRICS_PORT: cannot listen on {LOOPBACK} port {port}: .*use"
    ):
        MetricsServer(CollectorRegistry(), {}).start(LOOPBACK, port, where="TRUNKLINE_METRICS_PORT")


def test_a_server_that_has_stopped_leaves_its_port_and_its_thread() -> None:
    server = MetricsServer(CollectorRegistry(), {})
    port = server.start(LOOPBACK, 0, where="--port")
    server.stop()

    again = MetricsServer(CollectorRegistry(), {})
    assert again.start(LOOPBACK, port, where="--port") == port
    again.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "trunkline-metrics" and thread.is_alive()]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (None, "it sleeps"),
        ("0.0.0.0", "it sleeps"),  # noqa: S104 -- asked about, not listened on
        (LOOPBACK, "it sleeps"),
        ("127.0.0.2", "no answer: ConnectionRefusedError"),  # where the worker does not listen
    ],
)
def test_a_container_asks_where_its_worker_listens(
    port: int, host: str | None, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(probe.PORT_VARIABLE, str(port))
    monkeypatch.delenv(probe.HOST_VARIABLE, raising=False)
    if host is not None:
        monkeypatch.setenv(probe.HOST_VARIABLE, host)

    assert probe.main() == 1
    assert words in capsys.readouterr().out
