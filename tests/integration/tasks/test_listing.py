"""Listing jobs: what is shown, in which order, and page by page while other things happen."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.faults import Fault
from senders.policy import Rule
from tasks import moves
from tasks.journal import Journal
from tasks.listing import Listed, Listing
from tasks.replay import Replays, Terms
from tasks.stats import Stats
from tasks.wanted import Cursor, Wanted, moment
from tests.support.in_hand import begin, end, failed, in_hand, sent
from tests.support.journal import TextRedis, cancel, enqueue
from tests.support.listed_jobs import Sample, write
from trunkline_client import keys
from trunkline_client.connection import open_async
from trunkline_client.words import Channel, JobState, Lane

pytestmark = pytest.mark.integration

FIRST_MS: Final = 1_790_000_000_000
STATES: Final = sorted(set(JobState) - {JobState.DELIVERED, JobState.UNDELIVERED})
OVER: Final = (("tw", "twilio"), ("tw-2", "twilio"), ("syn", "syniverse"))


def ids(jobs: Any) -> list[str]:
    return [job.id for job in jobs]


async def fill(redis: TextRedis, *jobs: Sample) -> None:
    pipeline = redis.pipeline(transaction=False)
    for job in jobs:
        write(pipeline, job)
    await pipeline.execute()


def row(number: int, **fields: Any) -> Sample:
    return Sample(id=f"job-{number}", created_ms=FIRST_MS + number, **fields)


async def all_pages(listing: Listing, wanted: Wanted, limit: int) -> list[Listed]:
    jobs: list[Listed] = []
    after: Cursor | None = None
    while True:
        page = await listing.page(wanted, after=after, limit=limit)
        jobs += page.jobs
        assert len(page.jobs) <= limit
        if page.cursor is None:
            return jobs
        after = Cursor.parse(str(page.cursor))


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    # Few milliseconds, so that many jobs share one; ids whose order a locale would see otherwise.
    names = draw(st.lists(st.text("aB-._:", min_size=1, max_size=3), unique=True, max_size=25))
    return [draw(sample(name)) for name in names]


@st.composite
def sample(draw: st.DrawFn, name: str) -> Sample:
    state = draw(st.sampled_from(STATES))
    return Sample(
        id=name,
        created_ms=FIRST_MS + draw(st.integers(0, 4)),
        tenant=draw(st.sampled_from(("acme", "globex"))),
        state=state,
        channel=draw(st.sampled_from(sorted(Channel))),
        lane=draw(st.sampled_from(sorted(Lane))),
        fault=draw(st.sampled_from(("auth", "geo"))) if state is JobState.FAILED else None,
        rule=draw(st.sampled_from(sorted(Rule))) if state is JobState.REJECTED else None,
        country=draw(st.sampled_from((None, "US", "DE"))),
        reference=draw(st.sampled_from((None, "r", "r 1"))),
        tried=tuple(draw(st.lists(st.sampled_from(OVER), max_size=2))),
        is_gone=draw(st.integers(0, 5)) == 0,
    )


def sometimes(values: Any) -> Any:
    return st.one_of(st.none(), st.none(), st.none(), st.sampled_from(values))


WANTED: Final = st.builds(
    Wanted,
    tenant=sometimes(("acme", "globex")),
    states=st.frozensets(st.sampled_from(STATES), max_size=3),
    fault=sometimes((Fault.AUTH, Fault.GEO)),
    rule=sometimes(sorted(Rule)),
    provider=sometimes(("twilio", "syniverse")),
    sender=sometimes(("tw", "syn")),
    country=sometimes(("US", "DE")),
    channel=sometimes(sorted(Channel)),
    lane=sometimes(sorted(Lane)),
    reference=sometimes(("r", "r 1")),
    since=sometimes([moment(FIRST_MS + 1)]),
    until=sometimes([moment(FIRST_MS + 3)]),
)


def is_wanted(job: Sample, wanted: Wanted) -> bool:
    """The rule in its plainest form."""
    over = (job.accepted,) if job.accepted else job.tried
    return (
        not job.is_gone
        and all(getattr(job, name) == text for name, text in wanted.texts.items() if name not in {"sender", "provider"})
        and (not wanted.states or job.state in wanted.states)
        and (not wanted.sender or wanted.sender in [one[0] for one in over])
        and (not wanted.provider or wanted.provider in [one[1] for one in over])
        and (not wanted.since or moment(job.created_ms) >= wanted.since)
        and (not wanted.until or moment(job.created_ms) <= wanted.until)
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=samples(), wanted=WANTED, limit=st.integers(1, 7), looks=st.integers(1, 9))
def test_a_listing_shows_what_is_wanted_newest_first_and_each_once(
    redis_url: str, jobs: list[Sample], wanted: Wanted, limit: int, looks: int
) -> None:
    async def listed() -> list[str]:
        redis = open_async(redis_url)
        await redis.flushdb()
        await fill(redis, *jobs)
        found = await all_pages(Listing(redis, looks=looks), wanted, limit)
        await redis.aclose()
        return ids(found)

    expected = sorted(jobs, key=lambda job: (job.created_ms, job.id.encode()), reverse=True)
    assert asyncio.run(listed()) == [job.id for job in expected if is_wanted(job, wanted)]


async def test_what_the_scripts_record_is_found_by_each_of_its_facts(redis: TextRedis, journal: Journal) -> None:
    await enqueue(redis, "other", tenant="globex")
    await failed(redis, journal)

    for wanted in (
        Wanted(tenant="acme"),
        Wanted(states=frozenset({JobState.FAILED})),
        Wanted(fault=Fault.AUTH),
        Wanted(sender="acme-twilio"),
        Wanted(provider="twilio"),
    ):
        page = await Listing(redis).page(wanted)
        assert ids(page.jobs) == ["job-1"]
        assert page.cursor is None
    (job,) = page.jobs
    assert (job.state, job.fault, job.attempts, job.tried) == (JobState.FAILED, "auth", 1, ("acme-twilio",))
    assert (job.sender, job.finished is not None) == (None, True)


async def test_a_job_that_was_sent_is_listed_by_what_sent_it_only(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await begin(journal, claimed)
    await end(journal, claimed, sent())
    begun = await redis.hget(keys.job("job-1"), "attempt:1")
    await redis.hset(keys.job("job-1"), mapping={"attempts": 2, "attempt:2": begun.replace("acme-twilio", "late")})

    assert ids((await Listing(redis).page(Wanted(sender="acme-twilio"))).jobs) == ["job-1"]
    assert ids((await Listing(redis).page(Wanted(sender="late"))).jobs) == []


async def test_jobs_that_come_end_and_are_replayed_between_two_pages_shift_nothing(redis: TextRedis) -> None:
    await fill(redis, *(row(number, state=JobState.FAILED, fault="geo") for number in range(6)))
    await redis.hset(keys.job("job-1"), "content", "f1:x")
    listing, wanted = Listing(redis), Wanted(states=frozenset({JobState.FAILED, JobState.QUEUED}))
    first = await listing.page(wanted, limit=3)

    await fill(redis, row(9, state=JobState.FAILED))
    await Replays(redis, actor="ops", run="r").replay(["job-1"], Terms(ttl=timedelta(hours=1)))
    await redis.delete(keys.job("job-3"))  # the very one the cursor names
    await redis.zrem(keys.DEAD, "job-3")
    await redis.zrem(keys.JOBS, "job-3")
    second = await listing.page(wanted, after=first.cursor, limit=3)

    assert ids(first.jobs) == ["job-5", "job-4", "job-3"]
    assert ids(second.jobs) == ["job-2", "job-1", "job-0"]
    assert second.jobs[1].state is JobState.QUEUED


async def test_a_job_with_the_id_of_one_that_is_gone_is_listed_at_its_own_time(redis: TextRedis) -> None:
    await fill(redis, row(1, state=JobState.FAILED, tenant="acme", is_gone=True))
    await fill(redis, Sample(id="job-1", created_ms=FIRST_MS + 9, tenant="globex", state=JobState.FAILED))
    await redis.zadd(keys.DEAD, {"job-1": FIRST_MS + 1})

    listing = Listing(redis)
    assert ids((await listing.page(Wanted(tenant="acme"))).jobs) == []
    assert ids((await listing.page(Wanted(tenant="globex"))).jobs) == ["job-1"]


async def test_a_damaged_record_is_passed_over(redis: TextRedis) -> None:
    await fill(redis, *(row(number, tried=OVER) for number in range(4)))
    await redis.hset(keys.job("job-0"), mapping={"attempt:1": "5", "attempt:3": "null", "attempts": "99999999"})
    await redis.hset(keys.job("job-1"), "attempt:2", "{")
    await redis.hset(keys.job("job-2"), "attempts", "many")
    await redis.hset(keys.job("job-3"), mapping={"state": "?", "options": '{"reference"'})

    assert ids((await Listing(redis).page(Wanted())).jobs) == ["job-1", "job-0"]


async def test_a_key_that_is_no_record_is_passed_over(redis: TextRedis) -> None:
    await fill(redis, *(row(number, state=JobState.FAILED, fault="auth", tried=OVER) for number in range(3)))
    await redis.delete(keys.job("job-1"))
    await redis.set(keys.job("job-1"), "no hash")

    assert ids((await Listing(redis).page(Wanted())).jobs) == ["job-2", "job-0"]
    assert await Stats(redis).dead_by_fault() == {"auth": 2}


async def test_all_yields_every_job_and_stops_at_its_limit(redis: TextRedis) -> None:
    await fill(redis, *(row(number) for number in range(1200)))
    await enqueue(redis, "newest")
    await cancel(redis, "newest")

    everything = [job.id async for job in Listing(redis).all(Wanted())]
    assert everything == ["newest", *(f"job-{number}" for number in reversed(range(1200)))]
    assert len([job async for job in Listing(redis).all(Wanted(), limit=501)]) == 501


async def test_held_jobs_are_found_whatever_else_is_unfinished(redis: TextRedis, journal: Journal) -> None:
    claimed = await in_hand(redis, journal)
    await end(journal, claimed, moves.held())
    await fill(redis, *(row(number, state=JobState.QUEUED) for number in range(2, 20)))
    await fill(redis, *(row(number, state=JobState.HELD) for number in range(20, 23)))

    listing, wanted = Listing(redis, looks=1), Wanted(states=frozenset({JobState.HELD}))
    assert ids(await all_pages(listing, wanted, 2)) == ["job-1", "job-22", "job-21", "job-20"]
