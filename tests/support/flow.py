"""The dispatch flow on a real journal with providers that answer by script: a worker without Celery and HTTP."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from cryptography.fernet import Fernet

from providers.faults import Fault, Outcome, ruling
from providers.protocol import (
    Account,
    AttemptResult,
    Kind,
    LookupAnswer,
    LookupRequest,
    NumberType,
    SmsRequest,
    VerifiedAccount,
    VoiceRequest,
)
from senders.limits import Digester
from senders.model import Consent, Number, Originator, Policy, Sender, TenantConfig
from senders.pacing import UNPACED, Pacing
from senders.secrets import KeyRing
from senders.shortlist import Shortlist
from tasks.dispatch import dispatch_many
from tasks.journal import Journal
from tasks.lease import LeaseKeeper
from tasks.report import Report
from tasks.services import DispatchSettings, Services
from tests.support.journal import TextRedis, named_in
from tests.support.limits import DIGESTER
from trunkline_client import keys
from trunkline_client.private import Token
from trunkline_client.record import Status, status_of
from trunkline_client.words import Channel, Lane

ACCEPTED = AttemptResult(outcome=Outcome.ACCEPTED, provider_id="SM1")
UNKNOWN = AttemptResult(outcome=Outcome.UNKNOWN, code="read_timeout")
ABSENT = LookupAnswer(good=True)
SILENT = LookupAnswer(good=False)

BOTH = frozenset(Channel)
CONSENT = Consent(by="ops@acme.example", at="2026-01-01T00:00:00Z")


def refused(fault: Fault, code: str = "1") -> AttemptResult:
    """Return a refusal with what its fault allows by default."""
    return AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(fault), code=code, http_status=400)


def number(digits: str, kind: NumberType = NumberType.PHONE_NUMBER, countries: tuple[str, ...] | None = None) -> Number:
    """Return a selected number that can do both channels."""
    return Number(digits, kind, BOTH, countries=countries)


def twilio(key: str = "acme-twilio", *numbers: Number) -> Sender:
    """Return a Twilio sender; with two US numbers unless others are given."""
    own = numbers or (number("+12015550100"), number("+12015550101"))
    return Sender(key, Kind.TWILIO, key, BOTH, "", account_sid="AC" + "0" * 32, numbers=own, consent=CONSENT)


def syniverse(key: str = "acme-syniverse") -> Sender:
    """Return a Syniverse sender with one channel for everything."""
    return Sender(key, Kind.SYNIVERSE, key, BOTH, "", originators=(Originator("channel:1KJP"),), consent=CONSENT)


def config(*senders: Sender, policy: Policy | None = None) -> TenantConfig:
    """Return the configuration of tenant acme whose default chain is `senders` in order."""
    own = senders or (twilio(), syniverse())
    policies = {policy.name: policy} if policy else {}
    return TenantConfig("acme", 1, {one.key: one for one in own}, policies, tuple(one.key for one in own))


@dataclass(slots=True)
class ScriptedProvider:
    """A provider that gives its answers in order, the last one for ever, and keeps what it was asked."""

    answers: list[AttemptResult]
    lookups: list[LookupAnswer] = field(default_factory=lambda: [ABSENT])
    sent: list[SmsRequest | VoiceRequest] = field(default_factory=list)
    asked: list[LookupRequest] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    before_lookup: Callable[[], Awaitable[None]] | None = None

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        """Give the next answer."""
        return await self._answer(request)

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        """Give the next answer."""
        return await self._answer(request)

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:
        """Give the next answer to a lookup."""
        self.asked.append(request)
        if self.before_lookup:
            await self.before_lookup()
        return self.lookups.pop(0) if len(self.lookups) > 1 else self.lookups[0]

    async def verify(self, account: Account) -> VerifiedAccount:
        """Have no numbers."""
        return VerifiedAccount("", ())

    async def _answer(self, request: SmsRequest | VoiceRequest) -> AttemptResult:
        request.before_first_byte()
        self.sent.append(request)
        if self.meanwhile:
            await self.meanwhile()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.outcome is Outcome.ACCEPTED:
            return replace(answer, provider_id=f"SM{request.attempt_id}")
        return answer


@dataclass(slots=True)
class StaticConfigurations:
    """Configurations that need no store and no secrets."""

    config: TenantConfig | None

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        """Return the configuration if it is this tenant's."""
        return self.config if self.config and self.config.tenant == tenant else None

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        """Return an account with a made-up token."""
        return Account(sender.kind, Token("t"), sender.account_sid)

    async def shortlist(self, config: TenantConfig, sender: Sender, channel: Channel) -> Shortlist:
        """Return the sender's numbers, sorted anew."""
        return Shortlist(sender, channel)


@dataclass(slots=True)
class Worker:
    """Serves the lanes of a database by hand, one nudge at a time."""

    redis: TextRedis
    services: Services
    twilio: ScriptedProvider
    syniverse: ScriptedProvider

    async def serve(self, *, hurry: bool = True, most: int = 60) -> list[Report]:
        """Take every nudge until none is left; with `hurry`, what is delayed counts as due."""
        reports: list[Report] = []
        for _ in range(most):
            message = await self._take()
            if message is None:
                if not hurry or not await self._make_due():
                    return reports
                continue
            job_ids, hops = zip(*named_in(message), strict=True)
            reports += await dispatch_many(self.services, job_ids, hops)
        raise AssertionError(f"the job does not come to an end: {[report.line for report in reports]}")

    async def status(self, job_id: str = "job-1") -> Status:
        """Return the job's status."""
        status = status_of(job_id, await self.redis.hgetall(keys.job(job_id)))
        assert status is not None
        return status

    async def _take(self) -> str | None:
        for queue in (*keys.DISPATCH_QUEUES, *keys.FALLBACK_QUEUES):
            for lane in Lane:
                message: str | None = await self.redis.rpop(keys.broker_list(queue, lane))
                if message:
                    return message
        return None

    async def _make_due(self) -> bool:
        delayed = await self.redis.zrange(keys.DELAYED, 0, -1)
        for job_id in delayed:
            await self.redis.zadd(keys.DELAYED, {job_id: 1})
            # What is looked up later must also look later: the attempt ended that long ago.
            if await self.redis.hexists(keys.job(job_id), "unknown_ms"):
                await self.redis.hincrby(keys.job(job_id), "unknown_ms", -31_000)
        await self.services.journal.move_due(100)
        return bool(delayed)


def worker(
    redis: TextRedis,
    tenant: TenantConfig | None,
    *,
    twilio: list[AttemptResult] | None = None,
    syniverse: list[AttemptResult] | None = None,
    lease_s: float = 10.0,
    digester: Digester = DIGESTER,
    pacing: Pacing = UNPACED,
) -> Worker:
    """Return a worker whose providers give these answers; without any they accept."""
    own, other = ScriptedProvider(twilio or [ACCEPTED]), ScriptedProvider(syniverse or [ACCEPTED])
    journal = Journal(redis, lease_ms=round(lease_s * 1000))
    tokens = itertools.count()
    services = Services(
        journal=journal,
        configurations=StaticConfigurations(tenant),
        content=KeyRing([Fernet.generate_key().decode()]),
        provider=lambda kind: other if kind is Kind.SYNIVERSE else own,
        leases=LeaseKeeper(journal, lease_s=lease_s, renew_every_s=3, monotonic=time.monotonic),
        digester=digester,
        settings=DispatchSettings(worker="w", pacing=pacing),
        monotonic=time.monotonic,
        random=lambda: 0.5,
        new_token=lambda: str(next(tokens)),
        sleep=asyncio.sleep,
    )
    return Worker(redis, services, own, other)
