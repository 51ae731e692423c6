"""Asks the broker and the workers, by the transport that the workers use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from celery import Celery
from kombu.messaging import Producer

from worker import broker, remote_control
from worker.doctor.workers import QUEUES_COMMAND, WorkerFacts, facts_of
from worker.settings import BrokerSettings

#: How long to wait for one more answer. Workers answer within milliseconds, whatever they have in hand.
ANSWER_S: Final = 1.0
_SOCKET_TIMEOUT_S: Final = 3


def probe(settings: BrokerSettings) -> bool:
    """Return whether a message that was put into a queue of our own could be taken out again.

    Raises:
        Exception: what kombu or redis-py says where it could not be put there.
    """
    # The form of a reply queue of remote control, which the rights of a worker's user cover.
    name = f"{uuid4()}.doctor.celery.pidbox"
    with _app(settings).connection_for_write() as connection:
        channel = connection.default_channel
        Producer(channel).publish({}, routing_key=name, retry=False)  # type: ignore[no-untyped-call]
        return channel.basic_get(name, no_ack=True) is not None


def ask_workers(settings: BrokerSettings) -> list[WorkerFacts]:
    """Return what every worker that answers tells about itself."""
    app = _app(settings)
    with app.connection_for_write() as connection:
        before_ms = _now_ms(connection.default_channel.client)
        answers = _broadcast(app, connection, remote_control.COMMAND)
        facts = [
            (one.name, facts_of(one.name, one.answer, before_ms=before_ms, after_ms=before_ms + one.after_ms))
            for one in answers
        ]
        silent = [name for name, known in facts if known is None]
        others = _broadcast(app, connection, QUEUES_COMMAND, destination=silent) if silent else []
    queues = {one.name: _queue_names(one.answer) for one in others}
    return [known or WorkerFacts(name, queues.get(name, frozenset())) for name, known in facts]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker answered, and how long after the question in milliseconds."""

    name: str
    answer: object
    after_ms: int


def _app(settings: BrokerSettings) -> Celery:
    """Return an app without tasks; `worker.app` is the workers', and belongs to a whole process."""
    app = Celery("trunkline-doctor", set_as_current=False)
    app.conf.update(broker.configuration(settings), accept_content=["json"])
    app.conf.broker_transport_options["socket_timeout"] = _SOCKET_TIMEOUT_S
    return app


def _broadcast(app: Celery, connection: Any, command: str, **options: Any) -> list[_Answer]:
    answers: list[_Answer] = []
    asked_at = time.monotonic()

    def take(reply: dict[str, object]) -> None:
        after_ms = round((time.monotonic() - asked_at) * 1000)
        answers.extend(_Answer(str(name), answer, after_ms) for name, answer in reply.items())

    app.control.broadcast(command, connection=connection, reply=True, timeout=ANSWER_S, callback=take, **options)
    return answers


def _queue_names(answer: object) -> frozenset[str]:
    return frozenset(str(queue["name"]) for queue in answer) if isinstance(answer, list) else frozenset()


def _now_ms(client: Any) -> int:
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
