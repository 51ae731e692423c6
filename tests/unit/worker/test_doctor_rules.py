"""What the doctor says about workers, queues, tenants, keys and accounts, by what was found of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.protocol import (
    AccountEmpty,
    AccountNotActive,
    FoundNumber,
    HostNotAllowed,
    MessagingServiceMissing,
    NumberType,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)
from senders.resealing import Tally
from tasks.backlog import Backlog, LaneBacklog
from tests.support.sender_samples import BOTH, phone, service, twilio
from trunkline_client import keys
from trunkline_client.words import Lane
from worker.doctor import accounts, configurations, stray, workers
from worker.doctor import keys as key_check
from worker.doctor import waiting as waiting_check
from worker.doctor.configurations import Met
from worker.doctor.keys import Sealed
from worker.doctor.waiting import Waiting
from worker.doctor.workers import Expected, WorkerFacts, facts_of
from worker.finding import Checked, Finding, Severity, breaks_a_promise, gravest_first, named
from worker.redis_health import ServerFacts

ALL = frozenset(keys.ALL_QUEUES)
HERE = Expected("0.1.0", 1)
GOOD = WorkerFacts("a@x", ALL, version="0.1.0", record_versions=frozenset({1}), broker="own")

Told = tuple[str, Severity]


def told(findings: Iterable[Finding]) -> list[Told]:
    return [(finding.name, finding.severity) for finding in findings]


def without(*queues: str) -> WorkerFacts:
    return replace(GOOD, queues=ALL - set(queues))


WORKERS: list[tuple[list[WorkerFacts], list[Told]]] = [
    ([GOOD], []),
    ([], [("no_worker", Severity.ERROR)]),
    ([without("fallback.syniverse")], [("unconsumed", Severity.ERROR)]),
    ([without("dispatch.urgent", "maintenance")], [("unconsumed", Severity.ERROR), ("unconsumed", Severity.HINT)]),
    ([without("dispatch.bulk"), replace(without(*keys.DISPATCH_QUEUES[:2]), name="b@x")], []),
    ([replace(GOOD, version="0.0.9")], [("worker_version", Severity.WARNING)]),
    ([replace(GOOD, version=None, record_versions=frozenset(), broker=None)], [("worker_version", Severity.WARNING)]),
    ([replace(GOOD, record_versions=frozenset({2}))], [("record_version", Severity.ERROR)]),
    ([replace(GOOD, record_versions=frozenset({1, 2}))], []),
    ([replace(GOOD, ahead_ms=2_000)], []),
    ([replace(GOOD, ahead_ms=-2_001)], [("worker_clock", Severity.WARNING)]),
    ([replace(GOOD, broker="stock")], [("worker_broker", Severity.WARNING)]),
    ([replace(GOOD, broker="stock")], [("worker_broker", Severity.WARNING)]),
    ([GOOD, GOOD], [("worker_name", Severity.WARNING)]),
]


@pytest.mark.parametrize(("answers", "expected"), WORKERS)
def test_each_trouble_with_workers_is_found_alone(answers: list[WorkerFacts], expected: list[Told]) -> None:
    assert told(workers.findings_of(answers, HERE)) == expected


def test_a_queue_nobody_consumes_is_named_with_what_is_lost() -> None:
    (found,) = workers.findings_of([without("fallback.syniverse")], HERE)
    assert "fallback.syniverse" in found.what
    assert "no failover to syniverse" in found.why


@pytest.mark.parametrize(
    ("time_ms", "ahead_ms"), [(1_000, 0), (1_400, 0), (1_500, 0), (999, -1), (1_501, 1), (61_500, 60_000)]
)
def test_a_clock_is_right_that_showed_a_time_between_question_and_answer(time_ms: int, ahead_ms: int) -> None:
    facts = facts_of("a@x", {"time_ms": time_ms, "queues": ["maintenance"]}, before_ms=1_000, after_ms=1_500)
    assert facts == WorkerFacts("a@x", frozenset({"maintenance"}), ahead_ms=ahead_ms)


@pytest.mark.parametrize("answer", [{"error": "KeyError('trunkline_facts')"}, {"ok": "pong"}, None, []])
def test_a_worker_that_does_not_know_the_question_is_told_apart(answer: Any) -> None:
    assert facts_of("a@x", answer, before_ms=0, after_ms=0) is None


LISTS: list[tuple[dict[str, int], list[Told]]] = [
    ({}, []),
    ({"celery": 3}, [("stray", Severity.WARNING)]),
    ({"dispatch.urgent\x06\x169": 1}, [("priority", Severity.ERROR)]),
    (
        {"celery\x06\x163": 1, "fallback.twilio\x06\x169": 2},
        [("priority", Severity.ERROR), ("stray", Severity.WARNING)],
    ),
]


@pytest.mark.parametrize(("lists", "expected"), LISTS)
def test_messages_nobody_takes_are_found(lists: dict[str, int], expected: list[Told]) -> None:
    assert told(stray.findings_of(lists)) == expected


def test_a_list_whose_name_may_hold_a_number_is_not_named() -> None:
    (found,) = stray.findings_of({"sms:+14155550100": 7})
    assert "4155550100" not in str(found)
    assert "(7)" in found.what


def test_no_list_that_a_worker_looks_into_is_suspected() -> None:
    assert set(stray.SUSPECTS) & stray.CONSUMED == set()
    assert {"celery", "dispatch.urgent\x06\x169"} <= set(stray.SUSPECTS)
    assert {"dispatch.urgent", "fallback.syniverse\x06\x163"} <= stray.CONSUMED


TENANTS: list[tuple[Met, list[Told]]] = [
    (Met(tenants=1, looked_at=1), []),
    (Met(), [("no_tenant", Severity.HINT)]),
    (Met(1, 1, unreadable=["acme"]), [("unreadable_tenant", Severity.ERROR)]),
    (Met(1, 1, without_chain=["acme"]), [("no_chain", Severity.WARNING)]),
    (Met(1, 1, unusable_chain=["acme"]), [("unusable_chain", Severity.WARNING)]),
    (Met(1, 1, drafts=["acme/own"]), [("draft", Severity.HINT)]),
    (Met(1, 1, disabled=["acme/own"]), [("disabled", Severity.HINT)]),
    (Met(2, 1), [("unfinished", Severity.UNKNOWN)]),
]


@pytest.mark.parametrize(("met", "expected"), TENANTS)
def test_each_trouble_with_tenants_is_found_alone(met: Met, expected: list[Told]) -> None:
    assert told(configurations.findings_of(met)) == expected


def lost(name: str) -> Tally:
    return Tally(unreadable=1, named=[name])


FIRST, OLDER = Tally(by_key=Counter({1: 5})), Tally(by_key=Counter({1: 5, 2: 1}))
KEYS: list[tuple[Sealed, list[Told]]] = [
    (Sealed(Tally()), []),
    (Sealed(FIRST, FIRST, {"tl:counter_key": 1}), []),
    (Sealed(lost("sender acme/own")), [("unreadable_secret", Severity.ERROR)]),
    (Sealed(FIRST, lost("job 1")), [("unreadable_content", Severity.ERROR)]),
    (Sealed(FIRST, FIRST, {"tl:counter_key": None}), [("counter_key", Severity.ERROR)]),
    (Sealed(OLDER), [("older_key", Severity.HINT)]),
    (Sealed(FIRST, OLDER), [("older_key", Severity.HINT)]),
    (Sealed(FIRST, FIRST, {"tl:counter_key": 2}), [("older_key", Severity.HINT)]),
]


@pytest.mark.parametrize(("sealed", "expected"), KEYS)
def test_each_trouble_with_keys_is_found_alone(sealed: Sealed, expected: list[Told]) -> None:
    assert told(key_check.findings_of(sealed, Met())) == expected


def test_a_secret_that_was_copied_from_another_sender_is_found() -> None:
    met = Met(1, 1, misplaced=["acme/own"])
    assert told(key_check.findings_of(Sealed(FIRST), met)) == [("misplaced_secret", Severity.ERROR)]


REFUSALS: list[tuple[type[VerificationFailed], Told]] = [
    (WrongCredentials, ("credentials", Severity.ERROR)),
    (AccountNotActive, ("account", Severity.ERROR)),
    (AccountEmpty, ("account_empty", Severity.ERROR)),
    (MessagingServiceMissing, ("messaging_service", Severity.ERROR)),
    (HostNotAllowed, ("gateway_host", Severity.ERROR)),
    (ProviderUnreachable, ("no_answer", Severity.WARNING)),
]


@pytest.mark.parametrize(("refusal", "expected"), REFUSALS)
def test_each_refusal_of_an_account_is_a_finding_that_names_the_sender(
    refusal: type[VerificationFailed], expected: Told
) -> None:
    found = accounts.refused("acme", twilio(), refusal("it said so"))
    assert (found.name, found.severity) == expected
    assert found.what == "sender acme/own: it said so"
    assert "{" not in found.fix


def test_every_refusal_there_is_has_its_meaning() -> None:
    assert {refusal for refusal, _ in REFUSALS} == set(VerificationFailed.__subclasses__())


def test_a_selected_number_that_the_account_lost_is_named_and_another_is_not() -> None:
    has = VerifiedAccount("Acme", (FoundNumber("+14155550100", NumberType.PHONE_NUMBER, BOTH),))
    sender = twilio(phone("+14155550100"), phone("+14155550101"), phone("+14155550102", selected=False))

    (found,) = accounts.gone("acme", sender, has)

    assert found.what == "sender acme/own: the account no longer has +14155550101"
    assert list(accounts.gone("acme", twilio(phone("+14155550100")), has)) == []
    assert list(accounts.gone("acme", service(), has)) == []


def test_the_gravest_comes_first_and_only_errors_break_a_promise() -> None:
    some = [Finding(severity, severity, "", "", "") for severity in reversed(Severity)]
    assert [one.severity for one in gravest_first(some)] == list(Severity)
    assert [breaks_a_promise([Checked("x", (one,))]) for one in gravest_first(some)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("names", "count", "text"),
    [
        (["a"], None, "a"),
        (list("abcde"), None, "a, b, c, d, e"),
        (list("abcdefg"), 2_000, "a, b, c, d, e and 1,995 more"),
    ],
)
def test_a_few_of_many_are_named(names: list[str], count: int | None, text: str) -> None:
    assert named(names, count) == text


def backlog(*lanes: LaneBacklog, **counts: int) -> Backlog:
    names = ("delayed", "overdue", "in_hand", "held", "dead", "damaged", "waiting_tenants", "at_gates")
    return Backlog(lanes=lanes, longest_waiting=(), fullest_gates=(), **dict.fromkeys(names, 0) | counts)


def lane(name: Lane, seconds: float | None, queue: str = "", jobs: int = 3) -> LaneBacklog:
    age = None if seconds is None else timedelta(seconds=seconds)
    return LaneBacklog(queue=queue or f"dispatch.{name}", lane=name, in_lane=1, waiting=jobs - 1, oldest_age=age)


JOBS: list[tuple[Waiting, list[Told]]] = [
    (Waiting(backlog()), []),
    (Waiting(backlog(lane(Lane.URGENT, None), lane(Lane.URGENT, 10), lane(Lane.NORMAL, 300))), []),
    (Waiting(backlog(lane(Lane.URGENT, 11))), [("late", Severity.WARNING)]),
    (Waiting(backlog(lane(Lane.URGENT, 151))), [("late", Severity.ERROR)]),
    (Waiting(backlog(lane(Lane.NORMAL, 301))), [("late", Severity.WARNING)]),
    (Waiting(backlog(lane(Lane.BULK, 7_201, "fallback.syniverse"))), [("late", Severity.WARNING)]),
    (Waiting(backlog(overdue=2, delayed=2), longest_overdue=timedelta(seconds=31)), [("overdue", Severity.ERROR)]),
    (Waiting(backlog(overdue=2, delayed=2), longest_overdue=timedelta(seconds=30)), []),
    (Waiting(backlog(dead=9), faults={"auth": 2}), [("dead_letters", Severity.WARNING)]),
    (Waiting(backlog(), expired=1), [("expired", Severity.WARNING)]),
    (Waiting(backlog(dead=9)), []),
    (Waiting(backlog(held=1), held=["a"]), [("held", Severity.WARNING)]),
    (Waiting(backlog(damaged=1), damaged=["a"]), [("damaged", Severity.ERROR)]),
]


@pytest.mark.parametrize(("waiting", "expected"), JOBS)
def test_each_trouble_with_jobs_is_found_alone(waiting: Waiting, expected: list[Told]) -> None:
    assert told(waiting_check.findings_of(waiting, ServerFacts({}, {}))) == expected


@pytest.mark.parametrize(
    ("used_mib", "limit_mib", "jobs", "expected"),
    [
        (50, 100, 20_000, []),
        (50, 100, 30_000, [("room", Severity.WARNING)]),
        (50, 0, 30_000, []),
        (100, 100, 30_000, []),  # said by the check of Redis
        (99, 100, 0, []),
    ],
)
def test_room_is_wanted_for_what_unfinished_jobs_will_need(
    used_mib: int, limit_mib: int, jobs: int, expected: list[Told]
) -> None:
    facts = ServerFacts({"maxmemory": str(limit_mib << 20), "used_memory": str(used_mib << 20)}, {})
    assert told(waiting_check.findings_of(Waiting(backlog(), unfinished=jobs), facts)) == expected


def test_a_late_lane_of_a_fallback_queue_is_named_with_its_queue() -> None:
    (found,) = waiting_check.findings_of(
        Waiting(backlog(lane(Lane.BULK, 7_300, "fallback.syniverse"))), ServerFacts({}, {})
    )
    assert found.what == "jobs that wait in fallback.syniverse (bulk): 3, the oldest for 2 h"
