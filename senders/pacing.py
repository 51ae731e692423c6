"""Which gates an attempt has to pass: what its account and its number can take, as the data that `gates.lua` works on.

Pure. Where the defaults come from is told in `docs/pacing.md`; a tenant's configuration can say otherwise for a sender
and for each of its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from providers.protocol import Kind, NumberType, Origin, OriginType
from providers.segments import segments
from senders.model import Number, Sender
from trunkline_client.private import Body
from trunkline_client.words import Channel, Lane

#: A passcode waits behind at most this much of bulk and normal traffic at its number, and bursts are not slowed by us.
AHEAD_S: Final[Mapping[Lane, float]] = {Lane.URGENT: 60.0, Lane.NORMAL: 20.0, Lane.BULK: 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """What accounts and numbers can take where their configuration does not say; 0 is no limit.

    Attributes:
        concurrent_requests: calls to the provider that run at once, for each account.
        calls_per_second: voice calls, for each account.
        segments_per_second: segments of SMS, for each number of a type.
        ahead_s: how long the provider's own queue may be for a job of a lane to join it, in seconds.
    """

    concurrent_requests: int = 0
    calls_per_second: float = 0
    segments_per_second: Mapping[NumberType, float] = field(default_factory=dict)
    ahead_s: Mapping[Lane, float] = field(default_factory=lambda: dict(AHEAD_S))


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate that an attempt has to pass, as `gates.lua` names it.

    Attributes:
        need: the most attempts that may run behind it at once, or for how many ms the message keeps it busy.
    """

    name: str
    need: float


#: Twilio's queue of a number holds ten hours. A slip like 1e-300 a second is more ms than Redis can count.
_LONGEST_MS: Final = 36_000_000
#: No gate but those that senders are configured with.
UNPACED: Final = Pacing()
#: the kinds whose calls and numbers have a rate without being configured: what is known of others says nothing.
_KNOWN_RATES: Final = frozenset({Kind.TWILIO, Kind.TWILIO_MESSAGING_SERVICE})


def gates_of(
    pacing: Pacing,
    *,
    tenant: str,
    sender: Sender,
    origin: Origin,
    number: Number | None,
    channel: Channel,
    body: Body,
) -> tuple[Gate, ...]:
    """Return what limits one attempt, in the order in which it is asked; empty if nothing does.

    The gate of the number comes first: a job that waits there takes nothing of its account.

    Args:
        pacing: what holds where nothing is configured.
        tenant: the sender's tenant.
        sender: the sender whose turn it is.
        origin: what it would send from.
        number: the same as a number of the sender; None if it is no number of its own.
        channel: the job's channel.
        body: the text, for its segments.
    """
    gates: list[Gate] = []
    account = _shared_account(tenant, sender)
    if channel is Channel.SMS:
        rate = _segments_per_second(pacing, sender, origin, number)
        if rate > 0:
            gates.append(Gate(f"segments:{account}:{origin.value}", _ms(segments(body.reveal()), rate)))
    else:
        rate = _calls_per_second(pacing, sender)
        if rate > 0:
            gates.append(Gate(f"calls:{account}", _ms(1, rate)))
    most = pacing.concurrent_requests if sender.concurrent_requests is None else sender.concurrent_requests
    if most > 0:
        gates.append(Gate(f"requests:{account}", most))
    return tuple(gates)


def _shared_account(tenant: str, sender: Sender) -> str:
    """Return whose capacity it is: that of a Twilio account, whoever uses it, else that of the tenant's sender."""
    return sender.account_sid or f"{tenant}:{sender.key}"


def _segments_per_second(pacing: Pacing, sender: Sender, origin: Origin, number: Number | None) -> float:
    if origin.type is not OriginType.NUMBER or number is None:
        return 0
    if number.segments_per_second is not None:
        return number.segments_per_second
    return pacing.segments_per_second.get(number.type, 0) if sender.kind in _KNOWN_RATES else 0


def _calls_per_second(pacing: Pacing, sender: Sender) -> float:
    if sender.calls_per_second is not None:
        return sender.calls_per_second
    return pacing.calls_per_second if sender.kind in _KNOWN_RATES else 0


def _ms(units: int, per_second: float) -> float:
    return min(round(units * 1000 / per_second, 3), _LONGEST_MS)
