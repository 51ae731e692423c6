"""The demo's verdict: it must fail whenever the journal, the expectation or the ledger disagree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from providers.faults import Fault
from providers.simulators.ledger import Entry
from trunkline_client import Status
from trunkline_client.record import AttemptStatus
from worker.demo.checks import Result, Verdict, judge
from worker.demo.privacy import leaks
from worker.demo.scenario import Expected, Scenario, failed, sent, sms

ACCOUNT = "AC1"
ACCOUNTS = {"own": ACCOUNT, "fallback": "fallback"}
RECIPIENT = "+12015550123"
NUMBER = "+14155550100"
ENTRY = Entry(1, 0.0, "twilio", ACCOUNT, "sms", RECIPIENT, NUMBER, "hello", "SM1")
SENT = sent("own", number=NUMBER)


def attempt(sender: str, number: str | None, fault: str | None = None) -> AttemptStatus:
    outcome = "refused" if fault else "accepted"
    return AttemptStatus(sender=sender, provider="twilio", number=number, outcome=outcome, fault=fault, code=None)


def status(**changes: object) -> Status:
    found = Status(
        id="demo.case",
        state="sent",
        rule=None,
        fault=None,
        attempts=[attempt("own", NUMBER)],
        sender="own",
        provider="twilio",
        account=ACCOUNT,
        provider_id="SM1",
        maybe_twice=False,
        maybe_sent=False,
    )
    found.update(changes)  # type: ignore[typeddict-item]
    return found


def verdict(*ledger: Entry, expected: Expected = SENT, found: Status | None = None, left_in_redis: int = 0) -> Verdict:
    scenario = Scenario(name="case", job=sms("acme", RECIPIENT), expected=expected)
    return judge([Result(scenario, found or status())], ledger, ACCOUNTS, left_in_redis=left_in_redis)


def test_a_sent_job_that_is_in_the_ledger_once_agrees() -> None:
    assert verdict(ENTRY).agreed


@pytest.mark.parametrize(
    ("ledger", "difference"),
    [
        ((), "accepted it 0 times"),
        ((ENTRY, replace(ENTRY, sequence=2, provider_id="SM2")), "accepted it 2 times"),
        ((ENTRY, replace(ENTRY, sequence=2)), "accepted it 2 times"),
        ((replace(ENTRY, channel="voice"),), "accepted it 0 times"),
        ((replace(ENTRY, provider_id="SM2"),), "another message or account"),
        ((replace(ENTRY, account="AC2"),), "another message or account"),
        ((replace(ENTRY, sender="+14155550199"),), "left from +14155550199"),
        ((replace(ENTRY, fault="reset"),), "the answer was lost"),
    ],
    ids=["lost", "twice", "listed twice", "channel", "message", "account", "number", "answer lost"],
)
def test_a_ledger_that_tells_another_story_does_not_agree(ledger: tuple[Entry, ...], difference: str) -> None:
    judged = verdict(*ledger)

    assert not judged.agreed
    assert difference in " ".join(judged.by_job["demo.case"])


def test_a_message_that_no_job_claims_does_not_agree() -> None:
    stray = replace(ENTRY, sequence=2, to="+12015550199", provider_id="SM2")

    assert verdict(ENTRY, stray).overall == ("ledger entry 2 (twilio, AC1) is claimed by no job",)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"maybe_twice": True}, "maybe_twice is True"),
        ({"sender": "fallback"}, "sender is fallback, expected own"),
        ({"attempts": [attempt("other", NUMBER)]}, "route is other, expected own"),
        ({"attempts": [attempt("own", "+14155550199")]}, "number is +14155550199"),
        ({"state": "failed", "fault": "auth"}, "state is failed, expected sent"),
    ],
    ids=["twice", "sender", "route", "number", "state"],
)
def test_a_job_that_ends_otherwise_than_its_case_says_does_not_agree(
    changes: dict[str, object], difference: str
) -> None:
    assert difference in " ".join(verdict(ENTRY, found=status(**changes)).by_job["demo.case"])


def test_a_refused_job_that_was_sent_all_the_same_does_not_agree() -> None:
    refused = status(
        state="failed", fault="auth", attempts=[attempt("own", NUMBER, "auth")], account=None, provider_id=None
    )
    expected = failed(Fault.AUTH, "own: auth")

    assert verdict(expected=expected, found=refused).agreed
    assert not verdict(ENTRY, expected=expected, found=refused).agreed


def test_a_lost_answer_must_have_been_lost_and_found() -> None:
    expected = sent("own", number=NUMBER, answer_lost=True)

    assert verdict(replace(ENTRY, fault="reset"), expected=expected).found_by_lookup == {"demo.case"}
    assert not verdict(ENTRY, expected=expected).agreed


def test_a_job_without_a_record_does_not_agree() -> None:
    scenario = Scenario(name="case", job=sms("acme", RECIPIENT), expected=SENT)

    assert not judge([Result(scenario, None)], [], ACCOUNTS, left_in_redis=0).agreed


def test_something_left_in_redis_does_not_agree() -> None:
    assert not verdict(ENTRY, left_in_redis=1).agreed


def test_a_log_with_a_private_value_is_named_without_the_value(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("to 12015550123")
    (tmp_path / "other.log").write_text("nothing")

    assert leaks(tmp_path, {"12015550123", "token"}) == ["worker.log shows 1 private values"]
