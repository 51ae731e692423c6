"""Replay runs: what they select, that they can be stopped anywhere, and that two of them do nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest

from providers.faults import Fault
from senders.audit import AuditAction
from senders.audit_log import AuditLog
from senders.audit_log import Wanted as WantedEvents
from senders.store import ConfigStore, Replacement
from tasks.replay import Result, Terms, Why
from tasks.replay_follow import follow
from tasks.replay_runs import NoSuchRun, Run, Runs, RunTaken
from tasks.replaying import BATCH, Pace, Replaying
from tasks.wanted import Wanted
from tests.support.failures import fail, failure
from tests.support.flow import ACCEPTED, config, refused, worker
from tests.support.journal import TextRedis, enqueue
from trunkline_client import keys
from trunkline_client.words import JobState, Lane

pytestmark = pytest.mark.integration

FAILED = Wanted(states=frozenset({JobState.FAILED}))
JOBS = 2 * BATCH + 50
TOKENS = count()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Stopped(Exception):
    """Somebody pulled the plug."""


def by_filter(run_id: str = "run-1", wanted: Wanted = FAILED, **more: object) -> Run:
    return replace(Run(id=run_id, actor="ops@x", terms=Terms(), wanted=wanted), **more)  # type: ignore[arg-type]


def nobody(_: Run, __: Sequence[Result]) -> None:
    """Is told nothing."""


def runs_of(redis: TextRedis) -> Runs:
    return Runs(redis, token=f"process-{next(TOKENS)}")


async def carry_out(redis: TextRedis, run: Run, runs: Runs | None = None, tell: object = nobody) -> Run:
    runs = runs or runs_of(redis)
    begun = run if run.began_ms else await runs.begin(run)
    clock = Clock()
    pace = Pace(None, monotonic=clock.monotonic, sleep=clock.sleep)
    return await Replaying(redis, runs, pace).carry_out(begun, tell)  # type: ignore[arg-type]


def stop_after(batches: int) -> object:
    left = count(batches, -1)

    def tell(_: Run, results: Sequence[Result]) -> None:
        if results and next(left) <= 1:
            raise Stopped

    return tell


async def replays_of(redis: TextRedis) -> list[int]:
    names = [name async for name in redis.scan_iter("tl:job:*")]
    return [int(await redis.hget(name, "replays") or 0) for name in names]


async def test_a_run_takes_every_wanted_job_and_counts_the_refused_ones(redis: TextRedis) -> None:
    ids = await fail(redis, *map(failure, range(JOBS)), opted_out=("job-00007", "job-00300"))
    await fail(redis, failure(9_000, tenant="globex"), failure(9_001, fault="geo"))

    run = await carry_out(redis, by_filter(wanted=replace(FAILED, tenant="acme", fault=Fault.AUTH)))

    assert run.counts.requeued == JOBS - 2
    assert run.counts.refused == {Why.UNSUBSCRIBED: 2}
    assert await redis.zcard(keys.DEAD) == 4
    assert set(await redis.lrange(keys.replayed("run-1"), 0, -1)) == set(ids) - {"job-00007", "job-00300"}
    assert (await runs_of(redis).find("run-1")).is_over


async def test_jobs_that_are_created_after_its_beginning_are_not_in_a_run(redis: TextRedis) -> None:
    await fail(redis, failure(1), failure(2, created_ms=4_000_000_000_000))

    assert (await carry_out(redis, by_filter())).counts.selected == 1


async def test_a_limit_takes_the_newest(redis: TextRedis) -> None:
    await fail(redis, *map(failure, range(BATCH + 20)))

    assert (await carry_out(redis, by_filter(limit=BATCH + 5))).counts.requeued == BATCH + 5
    assert sorted(await redis.zrange(keys.DEAD, 0, -1)) == [f"job-{number:05}" for number in range(15)]


@pytest.mark.parametrize("is_noted", [False, True], ids=["in a batch", "between two batches"])
async def test_a_run_that_died_goes_on_with_exact_counts(redis: TextRedis, is_noted: bool) -> None:
    ids = await fail(redis, *map(failure, range(JOBS)), opted_out=("job-00100",))
    first = runs_of(redis)
    with pytest.raises(Stopped):
        await carry_out(redis, by_filter(), first, stop_after(2))
    if is_noted:
        half = await first.find("run-1")
        await first.note(replace(half, batch=(), counts=half.counts.plus([])))
    kept = await runs_of(redis).find("run-1")
    assert kept.counts.selected == BATCH

    second = runs_of(redis)
    run = await carry_out(redis, await second.take("run-1", "ops@y"), second)

    assert run.counts.selected == JOBS - (BATCH if is_noted else 0)  # the test itself dropped a batch
    assert sorted(await replays_of(redis)) == [0] + [1] * (JOBS - 1)
    assert len(await redis.lrange(keys.replayed("run-1"), 0, -1)) == len(ids) - 1


@pytest.mark.parametrize("is_by_ids", [False, True])
async def test_the_audit_names_who_went_on_with_a_run(redis: TextRedis, is_by_ids: bool) -> None:
    ids = await fail(redis, *map(failure, range(2)))
    asked = replace(by_filter(), wanted=None) if is_by_ids else by_filter()
    begun = await runs_of(redis).begin(asked, ids if is_by_ids else ())
    second = runs_of(redis)
    await carry_out(redis, await second.take(begun.id, "ops@y"), second)

    done = [one.event for one in await AuditLog(redis).newest(WantedEvents(), 10)]
    assert {event.actor for event in done if event.action != AuditAction.REPLAY_BEGUN} == {"ops@y"}
    assert (await second.find(begun.id)).actor == "ops@x"


async def test_what_has_failed_again_meanwhile_is_not_replayed_again_by_the_run(redis: TextRedis) -> None:
    (job_id,) = await fail(redis, failure(1))
    runs = runs_of(redis)
    with pytest.raises(Stopped):
        await carry_out(redis, by_filter(), runs, stop_after(1))
    await redis.hset(keys.job(job_id), mapping={"state": "failed", "attempts": 1})

    second = runs_of(redis)
    run = await carry_out(redis, await second.take("run-1", "ops@x"), second)

    assert (run.counts.requeued, await replays_of(redis)) == (1, [1])


async def test_a_run_that_was_taken_over_stops(redis: TextRedis) -> None:
    await fail(redis, *map(failure, range(JOBS)))
    first, second = runs_of(redis), runs_of(redis)
    taken: list[Run] = []

    async def take() -> None:
        taken.append(await second.take("run-1", "ops@y"))

    def tell(_: Run, results: Sequence[Result]) -> None:
        if results and not taken:
            tasks.append(asyncio.get_running_loop().create_task(take()))

    tasks: list[asyncio.Task[None]] = []
    begun = await first.begin(by_filter())
    clock = Clock()
    slow = Pace(1, monotonic=clock.monotonic, sleep=lambda _: asyncio.sleep(0.05))
    with pytest.raises(RunTaken, match="resumed by another process"):
        await Replaying(redis, first, slow).carry_out(begun, tell)
    await asyncio.gather(*tasks)
    run = await carry_out(redis, taken[0], second)

    assert run.counts.requeued == JOBS
    assert set(await replays_of(redis)) == {1}


async def test_two_operators_with_the_same_replay_requeue_each_job_once(redis: TextRedis) -> None:
    await fail(redis, *map(failure, range(JOBS)))

    one, other = await asyncio.gather(carry_out(redis, by_filter("run-1")), carry_out(redis, by_filter("run-2")))

    assert one.counts.requeued + other.counts.requeued == JOBS
    assert {*one.counts.refused, *other.counts.refused} <= {Why.REPLAYED}
    assert set(await replays_of(redis)) == {1}


@pytest.mark.parametrize(("rate", "at_once"), [(3, 1), (50, 10), (100_000, BATCH)])
async def test_a_rate_is_kept(redis: TextRedis, rate: int, at_once: int) -> None:
    await fail(redis, *map(failure, range(60)))
    clock, seen = Clock(), list[tuple[float, int]]()
    runs = runs_of(redis)
    pace = Pace(rate, monotonic=clock.monotonic, sleep=clock.sleep)

    await Replaying(redis, runs, pace).carry_out(
        await runs.begin(by_filter()), lambda run, _: seen.append((clock.now_s - 100, run.counts.requeued))
    )

    assert seen[-1][1] == 60
    assert all(done <= rate * seconds + at_once + 0.001 for seconds, done in seen)
    assert clock.now_s - 100 == pytest.approx(60 / rate)


async def test_a_sender_that_a_tenant_cannot_use_refuses_its_jobs_only(redis: TextRedis) -> None:
    await fail(redis, failure(1))

    run = await carry_out(redis, by_filter(terms=Terms(via="acme-syniverse")))

    assert run.counts.refused == {Why.NO_SUCH_SENDER: 1}
    assert await redis.zcard(keys.DEAD) == 1


async def test_what_a_run_has_replayed_counts_as_such_if_its_sender_goes_before_it_is_resumed(redis: TextRedis) -> None:
    await fail(redis, failure(1))
    await ConfigStore(redis).replace({"acme": Replacement.of(None, config())}, token="t")
    runs = runs_of(redis)
    with pytest.raises(Stopped):
        await carry_out(redis, by_filter(terms=Terms(via="acme-syniverse")), runs, stop_after(1))
    await redis.delete(keys.config("acme"))

    second = runs_of(redis)
    run = await carry_out(redis, await second.take("run-1", "ops@x"), second)

    assert (run.counts.requeued, run.counts.refused) == (1, {})


async def test_terms_and_filter_are_kept(redis: TextRedis) -> None:
    wanted = Wanted(tenant="acme", states=frozenset({JobState.FAILED, JobState.HELD}), lane=Lane.BULK, country="US")
    asked = by_filter(wanted=wanted, terms=Terms(unknown=True, via="x", lane=Lane.URGENT), limit=7)

    begun = await runs_of(redis).begin(asked)

    assert await runs_of(redis).find("run-1") == begun
    assert [run.id for run in await runs_of(redis).newest(5)] == ["run-1"]


async def test_a_long_list_of_ids_is_kept_and_told_once_in_the_audit(redis: TextRedis) -> None:
    ids = await fail(redis, *map(failure, range(30)))
    runs = runs_of(redis)
    run = await runs.begin(replace(by_filter(), wanted=None), [*ids, "nobody"])

    run = await carry_out(redis, run, runs)

    assert (run.counts.requeued, run.counts.refused) == (30, {Why.NO_SUCH_JOB: 1})
    events = await AuditLog(redis).newest(WantedEvents(), 50)
    assert [(one.event.action, one.event.subject) for one in events] == [
        ("replay.ended", "run-1"),
        ("replay.begun", "run-1"),
    ]
    changes = {one.field: one.after for one in events[0].event.changes}
    assert changes == {"selected": "31", "requeued": "30", "refused.no_such_job": "1"}


async def test_a_run_nobody_knows_cannot_be_resumed(redis: TextRedis) -> None:
    with pytest.raises(NoSuchRun, match="there is no replay nobody"):
        await runs_of(redis).take("nobody", "ops@x")


async def test_a_run_goes_through_when_redis_is_full(redis: TextRedis) -> None:
    await fail(redis, *map(failure, range(3)))
    await redis.config_set("maxmemory", 1)
    try:
        run = await carry_out(redis, by_filter())
    finally:
        await redis.config_set("maxmemory", 0)

    assert run.counts.requeued == 3


async def test_what_cannot_be_read_has_no_other_outcome(redis: TextRedis) -> None:
    await redis.rpush(keys.replayed("run-1"), "a", "b")
    await redis.hset(keys.job("a"), "state", "?")
    await redis.set(keys.job("b"), "no hash")

    outcomes = await follow(redis, "run-1", sleep=asyncio.sleep, tell=lambda _: None)

    assert outcomes.by_state == {"damaged": 2}


async def test_outcomes_are_followed_to_the_end(redis: TextRedis) -> None:
    no = refused(Fault.AUTH)
    one = worker(redis, config(), twilio=[no], syniverse=[no])
    for number in range(3):
        await enqueue(redis, f"job-{number}")
    await one.serve()
    await carry_out(redis, by_filter())
    one.twilio.answers[:] = [ACCEPTED, no]
    told: list[int] = []

    async def serve(_: float) -> None:
        await one.serve()

    outcomes = await follow(redis, "run-1", sleep=serve, tell=lambda so_far: told.append(so_far.known))

    assert (outcomes.jobs, outcomes.by_state, outcomes.are_all_sent) == (3, {"sent": 1, "failed": 2}, False)
    assert told == [0, 3]
