"""A process that takes submitted jobs as a worker's consumer does, writes down each, and acknowledges it.

Run as `python -m tests.support.eater URL BROKER FILE`: a whole worker needs seconds to start, this half of one. It
works on each message for so short a time that a SIGKILL often falls between taking and acknowledging.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from pydantic import SecretStr

from trunkline_client import keys
from worker.broker import configuration
from worker.settings import Broker, BrokerSettings


def main(url: str, broker: str, file: str) -> None:
    """Take messages without end."""
    chosen = configuration(BrokerSettings(redis_url=SecretStr(url), broker=Broker(broker)))
    connect: Any = Connection  # kombu ships few types
    make_consumer: Any = Consumer
    make_queue: Any = Queue
    make_exchange: Any = Exchange
    with open(file, "ab", buffering=0) as eaten:  # noqa: PTH123  # one write for each line
        connection = connect(
            url, transport=chosen.get("broker_transport"), transport_options=chosen["broker_transport_options"]
        )
        channel = connection.channel()

        def eat(message: Any) -> None:
            eaten.write(f"{message.headers['id']}\n".encode())
            message.ack()

        queues = [make_queue(name, make_exchange(""), routing_key=name) for name in keys.DISPATCH_QUEUES]
        make_consumer(channel, queues, on_message=eat).consume()
        channel.basic_qos(0, 64, False)
        os.write(1, b"ready\n")
        while True:
            connection.drain_events(timeout=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
