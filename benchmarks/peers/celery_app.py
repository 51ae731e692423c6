"""Stock Celery: threads, late acknowledgement, no results, no events.

`python -m benchmarks.peers.celery_app N` enqueues N messages.
"""

from __future__ import annotations

import os
import sys

from celery import Celery

from benchmarks.peers import sending

app = Celery("peers", broker=sending.REDIS_URL)
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_CELERY_PREFETCH", "1")),
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_transport_options={"ack_emulation": os.environ.get("BENCH_CELERY_ACKS", "1") == "1"},
)
_send = sending.send_by_http_client if os.environ.get("BENCH_CELERY_HTTP") == "http.client" else sending.send_by_httpx


@app.task(name="send")
def send(body: str) -> None:
    """Send one message."""
    _send(body)


def main() -> None:
    """Enqueue so many messages."""
    with app.producer_pool.acquire(block=True) as producer:
        for body in sending.bodies(int(sys.argv[1])):
            send.apply_async((body,), producer=producer)


if __name__ == "__main__":
    main()
