"""dramatiq on Redis, threads. `python -m benchmarks.peers.dramatiq_app N` enqueues."""

from __future__ import annotations

import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers import sending

dramatiq.set_broker(RedisBroker(url=sending.REDIS_URL))


@dramatiq.actor(actor_name="send")
def send(body: str) -> None:
    """Send one message."""
    sending.send_by_http_client(body)


def main() -> None:
    """Enqueue so many messages."""
    for body in sending.bodies(int(sys.argv[1])):
        send.send(body)


if __name__ == "__main__":
    main()
