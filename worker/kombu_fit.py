"""Whether the kombu at hand has what our transport overrides: private methods, which may change in any version."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

#: by class of `kombu.transport.redis`: the parameters of each method that ours replace, call or lean on.
_EXPECTED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Channel": {
        "_brpop_start": ("timeout",),
        "_brpop_read": ("options",),
        "_connparams": ("asynchronous",),
        "_create_client": ("asynchronous",),
        "_disconnect_pools": (),
        "_flush_brpop_reauth": (),
        "_get": ("queue",),
        "_get_message_priority": ("message", "reverse"),
        "_lookup": ("exchange", "routing_key", "default"),
        "_q_for_pri": ("queue", "pri"),
        "_queue_bind": ("exchange", "routing_key", "pattern", "queue"),
        "_size": ("queue",),
        "_update_queue_cycle": (),
        "basic_ack": ("delivery_tag", "multiple"),
        "basic_reject": ("delivery_tag", "requeue"),
        "close": (),
        "conn_or_acquire": ("client",),
    },
    "SentinelChannel": {},
    "QoS": {
        "_flush": (),
        "ack": ("delivery_tag",),
        "append": ("message", "delivery_tag"),
        "can_consume": (),
        "can_consume_max_estimate": (),
        "reject": ("delivery_tag", "requeue"),
        "restore_by_tag": ("tag", "client", "leftmost"),
        "restore_unacked": ("client",),
        "restore_unacked_once": ("stderr",),
        "restore_visible": ("start", "num", "interval"),
    },
    "MultiChannelPoller": {"on_poll_start": (), "_register_BRPOP": ("channel",)},
    "Transport": {
        "_deliver": ("message", "queue"),
        "close_connection": ("connection",),
        "register_with_event_loop": ("connection", "loop"),
    },
    "SentinelTransport": {},
}


def misfits(module: ModuleType | Any) -> list[str]:
    """Return what `module`, which is `kombu.transport.redis`, lacks or has in another form; none if ours fits."""
    return list(_misfits(module))


def _misfits(module: ModuleType | Any) -> Iterator[str]:
    for name, methods in _EXPECTED.items():
        found = getattr(module, name, None)
        if found is None:
            yield name
            continue
        for method, parameters in methods.items():
            if _parameters(getattr(found, method, None)) != parameters:
                yield f"{name}.{method}"


def _parameters(method: Any) -> tuple[str, ...] | None:
    if not callable(method):
        return None
    _, *rest = inspect.signature(method).parameters
    return tuple(rest)
