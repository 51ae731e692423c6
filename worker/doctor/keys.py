"""Whether the keys at hand open what is sealed in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from senders.resealing import Tally
from senders.secrets import SCHEME, SETTING, KeyRing
from trunkline_client import keys
from worker.doctor.configurations import Met, unfinished
from worker.finding import Finding, Severity, gravest_first, named

#: The indexes of jobs that live on with sealed content, and how many of the newest of each are looked at.
_INDEXES: Final = (keys.DEAD, keys.HELD, keys.DELAYED)
_SAMPLE: Final = 100
_ADD: Final = f"add the key they were sealed with to the end of {SETTING}, here and at every worker"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is sealed, by the key that opens it.

    Attributes:
        secrets: credentials of senders.
        contents: texts of a sample of jobs.
        strings: keys of single strings, each with the place of the key that opens it, None for none.
    """

    secrets: Tally
    contents: Tally = field(default_factory=Tally)
    strings: Mapping[str, int | None] = field(default_factory=dict)


async def sealed_things(redis: Any, ring: KeyRing, secrets: Tally) -> Sealed:
    """Return what else is sealed, besides the secrets: a sample of the jobs, and all single strings."""
    contents = Tally()
    for job_id, text in (await _contents(redis)).items():
        contents.meet(f"job {job_id}", ring.place(text))
    texts = zip(keys.SEALED, await redis.mget(keys.SEALED), strict=True)
    return Sealed(secrets, contents, {key: ring.place(text) for key, text in texts if text})


def findings_of(sealed: Sealed, met: Met) -> list[Finding]:
    """Return everything worth telling about the keys, the gravest first."""
    return gravest_first([*_unreadable(sealed), *_misplaced(met), *_older(sealed), *unfinished(met)])


def _unreadable(sealed: Sealed) -> Iterable[Finding]:
    if sealed.secrets.unreadable:
        yield Finding(
            "unreadable_secret",
            Severity.ERROR,
            f"no key of {SETTING} opens: {named(sealed.secrets.named, sealed.secrets.unreadable)}",
            "such a sender is passed over, and a worker that starts may refuse to",
            f"{_ADD}; if it is lost, trunkline senders replace gives each a new credential",
        )
    if sealed.contents.unreadable:
        yield Finding(
            "unreadable_content",
            Severity.ERROR,
            f"no key of {SETTING} opens the text of: {named(sealed.contents.named, sealed.contents.unreadable)}",
            "such a job can neither be sent on nor replayed",
            f"{_ADD}; if it is lost, so are these texts",
        )
    closed = [key for key, place in sealed.strings.items() if place is None]
    if closed:
        yield Finding(
            "counter_key",
            Severity.ERROR,
            f"no key of {SETTING} opens {named(closed)}",
            "a worker does not start: quotas and cooldowns are counted with it",
            f"{_ADD}; if it is lost, DEL {named(closed)}: all counters then begin anew",
        )


def _misplaced(met: Met) -> Iterable[Finding]:
    if met.misplaced:
        yield Finding(
            "misplaced_secret",
            Severity.ERROR,
            f"the credential was sealed for another sender: {named(met.misplaced)}",
            "such a sender is passed over, and a worker that starts may refuse to: a copied secret is not used",
            "somebody wrote into tl:config by hand; trunkline senders replace gives it a credential of its own",
        )


def _older(sealed: Sealed) -> Iterable[Finding]:
    tallies = (sealed.secrets, sealed.contents)
    older = sum(count for tally in tallies for place, count in tally.by_key.items() if place > 1)
    older += sum(1 for place in sealed.strings.values() if place is not None and place > 1)
    if older:
        yield Finding(
            "older_key",
            Severity.HINT,
            f"{older:,} of what was looked at is sealed with another key than the first of {SETTING}",
            "the older keys cannot be taken out before it is sealed anew",
            "once every worker has the new list: trunkline secrets rotate",
        )


async def _contents(redis: Any) -> dict[str, str]:
    """Return the sealed contents of some jobs by id."""
    found = await asyncio.gather(*(redis.zrevrange(index, 0, _SAMPLE - 1) for index in _INDEXES))
    job_ids = list(dict.fromkeys(job_id for some in found for job_id in some))
    pipeline = redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipeline.hget(keys.job(job_id), "content")
    contents = zip(job_ids, await pipeline.execute(), strict=True)
    return {job_id: text for job_id, text in contents if text and text.startswith(SCHEME)}
