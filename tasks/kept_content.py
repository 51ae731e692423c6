"""What is kept of a job's recipient and text: as a mask for everybody, and in full for who may see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from redis.asyncio import Redis

from senders.audit import AuditAction, AuditEvent
from senders.audit_log import AuditLog
from trunkline_client import keys
from trunkline_client.errors import TrunklineError
from trunkline_client.private import Private
from trunkline_client.record import CLEAR_CONTENT

#: how many digits of a recipient are shown, from the end: too few to call it, enough to tell two apart.
_SHOWN_DIGITS: Final = 2


class Kept(StrEnum):
    """In which form the content of a job is kept."""

    CLEAR = "clear"
    SEALED = "sealed"
    ERASED = "erased"
    DAMAGED = "damaged"


class ContentGone(TrunklineError):
    """The content of a job cannot be shown, since it was erased or cannot be read."""


class Opens(Protocol):
    """A key ring."""

    def open_content(self, job_id: str, content: str) -> Private:
        """Return the clear form of sealed content; raises `SecretUnreadable`."""


@dataclass(frozen=True, slots=True)
class KeptContent:
    """What everybody may know of a job's content.

    Attributes:
        recipient: the masked number, None where it is not known without a key.
        body_length: how many characters the text has, None where that is not known.
    """

    kept: Kept
    recipient: str | None = None
    body_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """The content of a job, in full; kept out of every text form."""

    to: str = field(repr=False)
    body: str = field(repr=False)
    user: str | None = field(repr=False)
    metadata: Any = field(repr=False)


def kept_content(job_id: str, content: str | None) -> KeptContent:
    """Return what everybody may know of the content of a record."""
    if not content:
        return KeptContent(Kept.ERASED)
    if not content.startswith(CLEAR_CONTENT):
        return KeptContent(Kept.SEALED)
    try:
        revealed = _read(job_id, content)
    except ContentGone:
        return KeptContent(Kept.DAMAGED)
    return KeptContent(Kept.CLEAR, masked(revealed.to), len(revealed.body))


def masked(number: str) -> str:
    """Return a recipient as everybody may see it: its last two digits, and how many come before."""
    digits = number.removeprefix("+")
    hidden = max(0, len(digits) - _SHOWN_DIGITS)
    return "+" * number.startswith("+") + "*" * hidden + digits[hidden:]


async def reveal(redis: Redis, job_id: str, ring: Opens, *, actor: str, token: str) -> Revealed:
    """Return the content of a job, once the audit has recorded who asked for it.

    Args:
        redis: a client whose answers are text.
        job_id: the job.
        ring: the keys that may open it.
        actor: who asks.
        token: new for every call.

    Raises:
        ContentGone: it was erased, there is no such job, or it cannot be read.
        SecretUnreadable: no key of the ring opens it.
        RedisError: it was not recorded.
    """
    kept: Any = await redis.hmget(keys.job(job_id), ["tenant", "content"])  # its types say `bytes | str`
    tenant, content = kept
    if not content:
        raise ContentGone(f"the recipient and the text of {job_id} were erased")
    if not content.startswith(CLEAR_CONTENT):
        content = CLEAR_CONTENT + ring.open_content(job_id, content).reveal().removeprefix(CLEAR_CONTENT)
    revealed = _read(job_id, content)
    event = AuditEvent(actor=actor, action=AuditAction.JOB_REVEALED, tenant=tenant or "", subject=job_id)
    await AuditLog(redis).append(event, token=token)
    return revealed


def _read(job_id: str, clear: str) -> Revealed:
    try:
        content = json.loads(clear.removeprefix(CLEAR_CONTENT))
        return Revealed(
            to=str(content["to"]),
            body=str(content["body"]),
            user=content.get("user"),
            metadata=content.get("metadata"),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ContentGone(f"the content of {job_id} cannot be read") from None  # the error may quote it
