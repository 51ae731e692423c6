"""How a worker comes back to its broker."""

from __future__ import annotations

from typing import Any

import pytest
from celery.exceptions import WorkerShutdown
from celery.worker import state
from kombu.utils.functional import retry_over_time

from worker.app import app
from worker.consumer import RETRY_S, DispatchConsumer


class FakeConnection:
    """A connection that stands after some tries, and notes how long kombu waited between them."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.waited_s: list[float] = []

    def ensure_connection(self, errback: Any, max_retries: int | None = None, **options: Any) -> FakeConnection:
        """Try as kombu does."""

        def waited(error: Exception, intervals: Any, _retries: int) -> float:
            self.waited_s.append(next(intervals))
            errback(error, self.waited_s[-1])
            return 0

        retry: Any = retry_over_time
        retry(self._connect, (OSError,), errback=waited, max_retries=max_retries, **options)
        return self

    def _connect(self) -> None:
        if len(self.waited_s) < self.failures:
            raise OSError


@pytest.fixture
def consumer() -> DispatchConsumer:
    return object.__new__(DispatchConsumer)


def test_the_wait_between_two_tries_does_not_grow_with_the_outage(consumer: DispatchConsumer) -> None:
    connection = FakeConnection(failures=200)

    assert consumer.ensure_connected(connection) is connection

    assert connection.waited_s == [RETRY_S] * 200
    assert RETRY_S <= 2


def test_a_worker_that_waits_for_its_broker_can_be_stopped(
    consumer: DispatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", 0)

    with pytest.raises(WorkerShutdown):
        consumer.ensure_connected(FakeConnection(failures=1))


def test_workers_run_with_this_consumer_and_take_no_answer_of_redis_for_the_end() -> None:
    assert app.conf.worker_consumer == "worker.consumer:DispatchConsumer"
    assert app.conf.broker_channel_error_retry is True
    assert app.conf.broker_connection_max_retries is None
