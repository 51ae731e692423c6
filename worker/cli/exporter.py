"""`trunkline exporter`: the queues of an installation as metrics."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Final

import click
from prometheus_client import CollectorRegistry, ProcessCollector
from redis.asyncio import Redis

from tasks.backlog import BacklogReader
from worker.cli.support import run_with_redis
from worker.exporter import BacklogGauges, BacklogSource
from worker.health import Verdict
from worker.logs import configure
from worker.metrics_server import MetricsServer
from worker.settings import LogFormat

DEFAULT_PORT: Final = 9464


@click.command()
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free port.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; nothing asks for a password."
)
@click.option("--json", "as_json", is_flag=True, help="Print where the metrics are as one line of JSON.")
def exporter(port: int, host: str, *, as_json: bool) -> None:
    """Serve the queues as Prometheus metrics until SIGTERM or Ctrl-C.

    Prints one line when it listens.

    One is enough for an installation: it reads Redis when it is scraped. It needs TRUNKLINE_REDIS_URL and no key.

    \b
    Example:
      trunkline exporter --port 9464
    """  # noqa: D301 - click needs the control character itself
    configure(LogFormat.AUTO, "info")
    run_with_redis(lambda redis: _serve(redis, host, port, as_json=as_json))


async def _serve(redis: Redis, host: str, port: int, *, as_json: bool) -> None:
    async def ping() -> None:
        await redis.ping()

    loop = asyncio.get_running_loop()
    source = BacklogSource(BacklogReader(redis), ping, loop, time.monotonic)
    registry = CollectorRegistry()
    registry.register(BacklogGauges(source.reading))
    ProcessCollector(registry=registry)
    server = MetricsServer(registry, {"/livez": lambda: Verdict(()), "/readyz": source.health})
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bound = server.start(host, port, where="--port")
    address = f"http://{host}:{bound}/metrics"
    click.echo(json.dumps({"metrics": address}) if as_json else f"metrics at {address}")
    await stop.wait()
    await asyncio.to_thread(server.stop)
