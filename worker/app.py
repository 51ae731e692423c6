"""The Celery app. Importing it reads the broker's settings only, so Flower and `celery inspect` need no secrets."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, Final

import structlog
from celery import Celery, signals
from celery.worker.control import inspect_command
from kombu.entity import Exchange, Queue

from worker.shadows import import_ours

_shadows = import_ours(Path(__file__).resolve().parents[1])

from tasks.celery_tasks import register  # noqa: E402  # only now is `tasks` known to be ours
from trunkline_client import keys  # noqa: E402
from trunkline_client.errors import SettingsInvalid  # noqa: E402
from trunkline_client.words import Lane  # noqa: E402
from worker import broker, garbage, remote_control  # noqa: E402
from worker.bootstrap import WorkerRuntime  # noqa: E402
from worker.logs import configure  # noqa: E402
from worker.pool import DispatchPool  # noqa: E402
from worker.revoking import register_commands  # noqa: E402
from worker.settings import LogFormat, load_broker_settings, load_settings  # noqa: E402
from worker.steps import CoreStep  # noqa: E402
from worker.stopping import ignore_signals  # noqa: E402

_FIXED: Final[dict[str, Any]] = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A server that became a replica, or is full, answers with errors for a while. Celery would take them for the end.
    "broker_channel_error_retry": True,
    "task_queues": [Queue(name, Exchange(""), routing_key=name) for name in keys.ALL_QUEUES],
    "task_default_queue": keys.dispatch_queue(Lane.NORMAL),
    "task_create_missing_queues": False,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "worker_pool": "worker.pool:DispatchPool",
    "worker_consumer": "worker.consumer:DispatchConsumer",
    "worker_send_task_events": True,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # A request that left cannot be stopped; cancelling its task would only lose the answer.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
}


def _build() -> Celery:
    try:
        settings = load_broker_settings()
    except SettingsInvalid as error:
        sys.stderr.write(f"trunkline: {error}\n")
        raise SystemExit(1) from error
    built = Celery("trunkline")
    built.conf.update(
        _FIXED, worker_concurrency=settings.concurrency, **broker.named_by_scheme(broker.configuration(settings))
    )
    return built


runtime = WorkerRuntime()
app = _build()
register(app, runtime)
register_commands(runtime)
CoreStep.runtime = runtime
DispatchPool.bridge = runtime.bridge
broker.attach(runtime.monitoring.polled, runtime.calls)
app.steps["worker"].add(CoreStep)
inspect_command(name=remote_control.COMMAND)(remote_control.trunkline_facts)


@signals.setup_logging.connect
def _configure_logging(loglevel: int | None = None, **_: Any) -> None:
    try:
        settings = load_settings()
        configure(settings.log_format, settings.log_level, celery_level=loglevel)
    except SettingsInvalid:
        # The worker's own step reports what is wrong; until then errors must still be readable.
        configure(LogFormat.AUTO, "info", celery_level=loglevel)
    for shadow in _shadows:
        logging.getLogger("trunkline.worker").warning("ours is used: %s", shadow)


@signals.worker_ready.connect
def _tell_ready(sender: Any = None, **_: Any) -> None:
    queues = sorted(app.amqp.queues.consume_from)
    log = structlog.get_logger("trunkline.worker")
    settings = load_broker_settings()
    warning = broker.warning(settings)
    if warning:
        log.warning("broker.unusual", broker=settings.broker.value, why=warning)
    garbage.settle()
    runtime.monitoring.started(lambda: bool(app.amqp.queues.consume_from))
    log.info("worker.ready", name=sender.hostname, queues=queues)


@signals.worker_shutdown.connect
def _stop_core(**_: Any) -> None:
    """The pool has finished what it had; only now may the core end."""
    runtime.stop()
    ignore_signals()
