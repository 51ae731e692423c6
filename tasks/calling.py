"""Makes the one call of an attempt."""

from __future__ import annotations

import math
from datetime import timedelta

from providers.protocol import Account, AttemptResult, Origin, SmsRequest, VoiceRequest
from providers.variables import Variables
from tasks.in_hand import InHand
from tasks.services import Services
from trunkline_client.words import Channel, Lane

#: Twilio takes validity periods of at most ten hours (docs/wire-twilio.md).
_LONGEST_VALIDITY_S = 36_000
_LONGEST_RING_S = 60


async def call(services: Services, hand: InHand, account: Account, origin: Origin, attempt_id: str) -> AttemptResult:
    """Send the job's message from `origin` over `account`.

    Raises:
        LeaseLost: the lease ran out before the first byte, so nothing was sent.
    """
    provider = services.provider(account.kind)
    validity_s = _validity_s(hand)
    limit_s = deadline_s(services, hand.record.lane)
    if hand.job.channel is Channel.SMS:
        return await provider.send_sms(account, _sms(hand, origin, attempt_id, validity_s, limit_s))
    return await provider.place_call(account, _voice(hand, origin, attempt_id, validity_s, limit_s))


def _validity_s(hand: InHand) -> int:
    """Return how long the provider may try: what is left of the job's life."""
    life_s = hand.life_left() / timedelta(seconds=1)
    return min(_LONGEST_VALIDITY_S, max(1, math.floor(life_s)))


def _expires_at_ms(hand: InHand, validity_s: int) -> int:
    return hand.hold.now_ms() + validity_s * 1000


def _sms(hand: InHand, origin: Origin, attempt_id: str, validity_s: int, limit_s: float) -> SmsRequest:
    return SmsRequest(
        attempt_id=attempt_id,
        to=hand.job.to,
        body=hand.job.body,
        origin=origin,
        validity_s=validity_s,
        expires_at_ms=_expires_at_ms(hand, validity_s),
        deadline_s=limit_s,
        sender_id=hand.job.sender_id,
        variables=_variables(hand),
        before_first_byte=hand.hold.check,
    )


def _voice(hand: InHand, origin: Origin, attempt_id: str, validity_s: int, limit_s: float) -> VoiceRequest:
    return VoiceRequest(
        attempt_id=attempt_id,
        to=hand.job.to,
        body=hand.job.body,
        origin=origin,
        locale=hand.job.locale,
        voice=hand.job.voice,
        ring_timeout_s=min(_LONGEST_RING_S, validity_s),
        validity_s=validity_s,
        expires_at_ms=_expires_at_ms(hand, validity_s),
        deadline_s=limit_s,
        variables=_variables(hand),
        before_first_byte=hand.hold.check,
    )


def _variables(hand: InHand) -> Variables:
    """Return what the job brings for templates: its metadata, and its own fields where those have nothing to say."""
    job = hand.job
    own = {"user.username": job.user.reveal() if job.user else None, "locale": job.locale}
    return Variables({name: text for name, text in own.items() if text is not None} | dict(job.metadata or {}))


def deadline_s(services: Services, lane: Lane) -> float:
    """Return how long a whole attempt of a job in `lane` may take, in seconds."""
    return services.settings.urgent_deadline_s if lane is Lane.URGENT else services.settings.deadline_s
