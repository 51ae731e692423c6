"""The server of metrics and health, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

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
