"""What a worker tells of itself when it is asked by Celery's remote control; nothing of it is private."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any, Final

from trunkline_client.message import SUPPORTED_VERSIONS
from worker.settings import load_broker_settings

#: the command's name, as `celery inspect` takes it too.
COMMAND: Final = "trunkline_facts"


def trunkline_facts(state: Any, **_: Any) -> dict[str, Any]:
    """Tell what `trunkline doctor` compares: versions, queues, transport and clock."""
    consumer = state.consumer.task_consumer
    return {
        "version": version("trunkline"),
        "record_versions": sorted(SUPPORTED_VERSIONS),
        "queues": [queue.name for queue in consumer.queues] if consumer else [],
        "broker": load_broker_settings().broker.value,
        "time_ms": round(time.time() * 1000),
    }
