"""The counting scripts against a model in plain Python: any times in any order, with every end a job can have."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.faults import Fault, Outcome, ruling
from providers.protocol import AttemptResult, Origin, OriginType
from senders.limits import limits_of, user_quota_key
from senders.limits_admin import reset_quota
from senders.model import ChannelCooldown, Cooldown, CooldownKey, Policy, Quota, QuotaScope
from tasks import moves
from tasks.attempt_json import attempt_json
from tasks.journal import Begun, Claimed, Journal, Waits
from tests.support.flow import twilio
from tests.support.immediate import ImmediateCalls, immediate, run
from tests.support.journal import TextRedis, enqueue
from tests.support.limits import DAY, DIGESTER, MINUTE, SECOND, WEEK_MS
from trunkline_client import Trunkline, keys
from trunkline_client.connection import open_sync
from trunkline_client.private import Private, Recipient
from trunkline_client.words import Channel

pytestmark = pytest.mark.integration

SEQUENCE_MS = 30 * MINUTE
SMS = frozenset({Channel.SMS})
SMS_COOLDOWN = ChannelCooldown((10, 20, 40), 4)
BOTH_COOLDOWNS = Cooldown(CooldownKey.ADDRESS, ChannelCooldown((600, 10, 10), 1), ChannelCooldown((10, 10, 10), 10))
POLICIES = (
    Policy("waits", quotas=(), cooldown=Cooldown(CooldownKey.USER, SMS_COOLDOWN, None)),
    Policy("counts", quotas=(Quota(QuotaScope.USER, total=3), Quota(QuotaScope.TENANT, used=2, unused=5))),
    Policy("counts-sms", quotas=(Quota(QuotaScope.USER, SMS, used=2, unused=3),)),
    Policy("both", quotas=(Quota(QuotaScope.TENANT, total=4),), cooldown=BOTH_COOLDOWNS),
)
REFUSED = AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(Fault.AUTH))
UNKNOWN = AttemptResult(outcome=Outcome.UNKNOWN)

Scope = tuple[str | None, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A job to be counted; `due_ms` is its distance from a midnight."""

    due_ms: int
    policy: Policy
    channel: Channel
    to: str
    user: str | None

    @property
    def who(self) -> Scope:
        """Whom a quota per user counts."""
        return ("user", self.user) if self.user else ("to", self.to)

    def quotas(self) -> Iterator[tuple[Quota, Scope]]:
        """Yield every quota that counts this job, with its counter."""
        for quota in self.policy.quotas:
            if quota.channels is None or self.channel in quota.channels:
                who = self.who if quota.scope is QuotaScope.USER else ("all",)
                yield quota, (self.policy.name, str(self.due_ms // DAY), *who)

    def cooldown(self) -> tuple[ChannelCooldown | None, Scope]:
        """Return the cooldown that counts this job, with its sequence."""
        rules = self.policy.cooldown
        if rules is None:
            return None, ()
        user = self.user if rules.by is CooldownKey.USER else None
        return rules.over(self.channel), (self.policy.name, self.channel, self.to, user)


@dataclass
class Model:
    """What has been counted: for each counter the jobs in it, and for each sequence the times."""

    unused: dict[Scope, set[str]] = field(default_factory=dict)
    used: dict[Scope, set[str]] = field(default_factory=dict)
    sequences: dict[Scope, dict[str, int]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    def count(self, job_id: str, job: Job) -> Begun | Waits:
        """Count a job, or say which limit refuses it."""
        rules, scope = job.cooldown()
        if rules and not admits(rules, sorted(self.sequences.get(scope, {}).values()), job.due_ms):
            return Begun.COOLDOWN
        for quota, counter in job.quotas():
            unused, used = (len(counters.get(counter, ())) for counters in (self.unused, self.used))
            if is_full(quota, unused, used):
                return Begun.QUOTA
        for _, counter in job.quotas():
            self.unused.setdefault(counter, set()).add(job_id)
        if rules:
            self.sequences.setdefault(scope, {})[job_id] = job.due_ms
        return Begun.BEGUN

    def give_back(self, job_id: str) -> None:
        """Take a job out of everything."""
        self.settled.add(job_id)
        for ids in self.unused.values():
            ids.discard(job_id)
        for times in self.sequences.values():
            times.pop(job_id, None)

    def use(self, job_id: str, job: Job) -> None:
        """Move a job to used, and end its sequence, unless that was done or it was given back."""
        if job_id in self.settled:
            return
        self.settled.add(job_id)
        for counter, ids in self.unused.items():
            if job_id in ids:
                ids.remove(job_id)
                self.used.setdefault(counter, set()).add(job_id)
        rules, scope = job.cooldown()
        if rules:
            kept = self.sequences.get(scope, {})
            self.sequences[scope] = {one: due_ms for one, due_ms in kept.items() if due_ms > job.due_ms}

    def reset(self, user: str) -> None:
        """Forget what a user has sent, under all policies."""
        for counters in (self.unused, self.used):
            for counter in [counter for counter in counters if counter[2:] == ("user", user)]:
                del counters[counter]

    def totals(self) -> tuple[int, int, int]:
        """Return how many are unused, used and in a cooldown."""
        kinds = (self.unused.values(), self.used.values(), self.sequences.values())
        unused, used, cooling = (sum(map(len, kind)) for kind in kinds)
        return unused, used, cooling


def is_full(quota: Quota, unused: int, used: int) -> bool:
    """Return whether a quota refuses one more message."""
    if quota.total is not None:
        return unused + used >= quota.total
    assert quota.unused
    assert quota.used
    return unused >= quota.unused or used >= quota.used


def admits(rules: ChannelCooldown, times: list[int], due_ms: int) -> bool:
    """Return whether a cooldown admits one more message beside those at `times`."""
    sequence = [due_ms]
    while grown := [one for one in times if any(abs(one - two) < SEQUENCE_MS for two in sequence)]:
        if len(grown) + 1 == len(sequence):
            break
        sequence = [due_ms, *grown]
    others = len(sequence) - 1
    if not others:
        return True
    nearest = min(abs(one - due_ms) for one in sequence[1:])
    return others <= rules.resend_limit and nearest >= rules.periods_s[min(others, 3) - 1] * SECOND


due_times = st.one_of(
    st.sampled_from([tens * 10 * SECOND for tens in range(-6, 7)]),
    st.sampled_from([halves * SEQUENCE_MS // 2 for halves in range(-4, 5)]),
    st.sampled_from([edge + nudge for edge in (0, SEQUENCE_MS, -SEQUENCE_MS) for nudge in (-1, 0, 1)]),
)


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    """Return the usual value three times out of four: counters fill only if jobs are alike."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


@st.composite
def scripts(draw: st.DrawFn) -> list[object]:
    """Draw jobs of mostly one policy, with what happens between them."""
    policy = draw(st.sampled_from(POLICIES))
    others = [one for one in POLICIES if one is not policy]
    job = st.builds(
        Job,
        due_ms=due_times,
        policy=mostly(policy, *others),
        channel=mostly(*Channel),
        to=mostly("+12015550123", "+12015550124"),
        user=mostly("u", "v", None),
    )
    end = st.sampled_from(["stays", "stays", "unknown", "used", "refused", "cancelled"])
    sent = st.tuples(job, end)
    step = st.one_of(sent, sent, sent, sent, st.integers(0, 9), mostly("u", "v"))
    return draw(st.lists(step, min_size=20, max_size=30))


class World:
    """The real scripts and the model, side by side."""

    def __init__(self, redis: TextRedis, client: Trunkline) -> None:
        self.redis, self.client, self.model = redis, client, Model()
        self._journal = Journal(redis, lease_ms=600_000, calls=ImmediateCalls(redis))
        # Two days ago, so that every time around it is past.
        self._midnight = int(time.time() * 1000) // DAY * DAY - 2 * DAY
        self._counted: dict[str, Job] = {}
        self._numbers = count()

    def send(self, job: Job, end: str) -> None:
        """Count a job, and let it come to an end."""
        job_id = f"job-{next(self._numbers)}"
        due_ms = self._midnight + job.due_ms
        run(enqueue(self.redis, job_id, channel=job.channel, send_at_ms=due_ms, ttl_ms=WEEK_MS))
        run(self.redis.hset(keys.job(job_id), "created_ms", due_ms))
        claimed = run(self._journal.claim(job_id, "", f"w:{job_id}"))
        assert isinstance(claimed, Claimed)
        expected = self.model.count(job_id, job)
        assert self._begin(claimed, job) is expected
        assert self._begin(claimed, job) is expected
        if expected is Begun.BEGUN:
            self._counted[job_id] = job
            self._end(claimed, job, end)

    def _begin(self, claimed: Claimed, job: Job) -> Begun | Waits:
        attempt = attempt_json(claimed.record.id, 1, twilio(), Origin(OriginType.NUMBER, "+12015550100"), 5)
        user = Private(job.user) if job.user else None
        limits = limits_of(
            job.policy, tenant="acme", channel=job.channel, to=Recipient(job.to), user=user, digester=DIGESTER
        )
        return run(
            self._journal.begin_attempt(
                claimed, 1, attempt, chain=("a",), least_life_ms=0, twins="tl:calling:x", limits=limits
            )
        )

    def _end(self, claimed: Claimed, job: Job, end: str) -> None:
        job_id = claimed.record.id
        match end:
            case "refused":
                self._finish(claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5))
                self.model.give_back(job_id)
            case "unknown":
                self._finish(claimed, moves.failed(Fault.AUTH).ending(1, UNKNOWN, 5))
            case "used":
                self.use(job_id, job)
                self._finish(claimed, moves.failed(Fault.AUTH).ending(1, REFUSED, 5))
            case "cancelled":
                self._finish(claimed, moves.give_back("dispatch.normal").ending(1, REFUSED, 5))
                assert self.client.cancel(job_id)
                self.model.give_back(job_id)

    def _finish(self, claimed: Claimed, move: moves.Move) -> None:
        assert run(self._journal.finish(claimed, move, sealed_content="sealed:x")) is move.state

    def use_one(self, which: int) -> None:
        """Let the code of one of the counted jobs be used, twice."""
        if self._counted:
            job_id = sorted(self._counted)[which % len(self._counted)]
            self.use(job_id, self._counted[job_id])

    def use(self, job_id: str, job: Job) -> None:
        """Let a code be used, twice."""
        assert self.client.used(job_id)
        assert self.client.used(job_id)
        self.model.use(job_id, job)

    def reset(self, user: str) -> None:
        """Reset a user."""
        known = run(self.redis.exists(user_quota_key("acme", Private(user), DIGESTER)))
        token = str(next(self._numbers))
        done = run(reset_quota(self.redis, DIGESTER, tenant="acme", user=Private(user), actor="ann", token=token))
        assert done == bool(known)
        self.model.reset(user)

    def totals(self) -> tuple[int, int, int]:
        """Return how many are unused, used and in a cooldown, by the counters in Redis."""
        unused, used, cooling = 0, 0, 0
        for name in run(self.redis.keys("tl:quota:*")):
            for counter, value in run(self.redis.hgetall(name)).items():
                assert counter == "reset" or int(value) >= 0
                unused += int(value) if counter.endswith(":unused") else 0
                used += int(value) if counter.endswith(":used") else 0
        for name in run(self.redis.keys("tl:cooldown:*")):
            cooling += run(self.redis.zcard(name))
        return unused, used, cooling


def test_the_scripts_admit_and_count_what_the_model_does(redis_url: str) -> None:
    @settings(max_examples=80)
    @given(script=scripts())
    def they_agree(script: list[object]) -> None:
        redis.flushdb()
        world = World(immediate(redis), client)
        for step in script:
            match step:
                case (Job() as job, str(end)):
                    world.send(job, end)
                case int(which):
                    world.use_one(which)
                case str(user):
                    world.reset(user)
            assert world.totals() == world.model.totals()

    with open_sync(redis_url) as redis, Trunkline(redis=redis) as client:
        they_agree()
