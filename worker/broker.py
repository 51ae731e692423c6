"""Which transport carries Celery's messages, and how. No promise about a recorded job rests on the choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

from tasks.calls_under_way import CallsUnderWay
from trunkline_client.connection import celery_broker
from trunkline_client.words import Lane
from worker.kombu_fit import misfits
from worker.settings import Broker, BrokerSettings

_OPTIONS: Final[dict[str, Any]] = {
    # A task lasts seconds. Redelivery is harmless: the journal's claim decides, not the broker.
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "priority_steps": [lane.broker_priority for lane in Lane],
    "queue_order_strategy": "worker.lane_order:LaneOrder",
    # Without a socket timeout a silent death of the server would block a publish for ever.
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What one choice means.

    Attributes:
        is_ours: whether `worker.transport` carries the messages, else kombu's own transport.
        acknowledges: whether a message that a killed worker had in hand comes back.
    """

    is_ours: bool
    acknowledges: bool


KINDS: Final = {
    Broker.OWN: Kind(is_ours=True, acknowledges=True),
    Broker.STOCK: Kind(is_ours=False, acknowledges=True),
    Broker.STOCK_UNACKNOWLEDGED: Kind(is_ours=False, acknowledges=False),
}


def configuration(settings: BrokerSettings) -> dict[str, Any]:
    """Return Celery's settings of the broker."""
    url, options = celery_broker(settings.redis_url.get_secret_value())
    kind = KINDS[settings.broker]
    chosen: dict[str, Any] = {
        "broker_url": url,
        "broker_transport_options": {**_OPTIONS, **options, "ack_emulation": kind.acknowledges},
    }
    if kind.is_ours and not _misfits():
        transport = "SentinelTransport" if url.startswith("sentinel") else "Transport"
        chosen["broker_transport"] = f"worker.transport:{transport}"
    return chosen


def named_by_scheme(chosen: dict[str, Any]) -> dict[str, Any]:
    """Let the scheme of the broker's URL name our transport in this process; returns the settings without its name.

    A connection would write the name of a class for the scheme, and Flower, which reads the address of the broker off
    one, would have no page for it. A second Sentinel's scheme would lead to kombu's own transport.
    """
    rest = dict(chosen)
    transport = rest.pop("broker_transport", None)
    if transport:
        TRANSPORT_ALIASES[urlsplit(rest["broker_url"]).scheme] = transport
    return rest


def attach(on_poll: Callable[[], None], calls: CallsUnderWay) -> None:
    """Let our transport tell of its polls, and know how many jobs wait for a provider; kombu's does neither."""
    if not _misfits():
        from worker import transport  # noqa: PLC0415  # it cannot be imported beside a kombu that it does not fit

        transport.attach(on_poll, calls)


def warning(settings: BrokerSettings) -> str | None:
    """Return what an operator should know about the choice, None if nothing."""
    kind = KINDS[settings.broker]
    if kind.is_ours and _misfits():
        return (
            f"this version of kombu does not fit ({', '.join(_misfits())}), so its own transport is used: a "
            "trunkline.submit message may be lost with a killed worker, and an outage of Redis may end this worker"
        )
    if not kind.acknowledges:
        return "a trunkline.submit message that a killed worker has in hand is lost; jobs enqueued by a client are not"
    if not kind.is_ours:
        return "kombu's own transport is for comparison: an outage of Redis or junk in a queue can end this worker"
    return None


@cache
def _misfits() -> tuple[str, ...]:
    return tuple(misfits(kombu_redis))
