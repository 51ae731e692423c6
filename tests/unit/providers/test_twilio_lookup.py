from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import httpx
import pytest

from providers.protocol import Kind, LookupAnswer, LookupRequest
from tests.support.provider_samples import (
    ACCOUNT_SID,
    ATTEMPT_AT,
    CALL_SID,
    FROM,
    MESSAGE_SID,
    SERVICE,
    TO,
    TWILIO,
    TWILIO_SERVICE,
    Answer,
    FakeProvider,
    answer,
    lookup,
)
from trunkline_client.words import Channel

BODY = "Your code is 481516"


def row(after_s: float = 1, **changes: object) -> dict[str, object]:
    """A listed message, created `after_s` seconds after the earliest match."""
    return {
        "sid": MESSAGE_SID,
        "to": TO,
        "body": BODY,
        "direction": "outbound-api",
        "date_created": format_datetime(ATTEMPT_AT + timedelta(seconds=after_s)),
        **changes,
    }


def page(*rows: dict[str, object], following: str | None = None, key: str = "messages") -> httpx.Response:
    return answer(200, {key: list(rows), "next_page_uri": following})


async def answer_to(*answers: Answer, request: LookupRequest | None = None) -> LookupAnswer:
    return await FakeProvider(list(answers)).provider(Kind.TWILIO).look_up(TWILIO, request or lookup())


@pytest.mark.parametrize(
    ("request_", "account", "expected"),
    [
        (lookup(), TWILIO, {"To": [TO], "From": [FROM]}),
        (lookup(origin=SERVICE), TWILIO_SERVICE, {"To": [TO]}),
    ],
    ids=["number", "service"],
)
async def test_messages_are_asked_for_by_recipient_and_number(
    request_: LookupRequest, account: object, expected: dict[str, list[str]]
) -> None:
    fake = FakeProvider([page()])
    await fake.provider(Kind.TWILIO).look_up(account, request_)  # type: ignore[arg-type]
    (asked,) = fake.requests
    assert asked.url.path == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    assert parse_qs(asked.url.query.decode()) == {**expected, "PageSize": ["100"]}


async def test_no_message_is_a_good_answer_without_candidates() -> None:
    assert await answer_to(page()) == LookupAnswer(good=True)


async def test_a_message_of_the_attempt_is_a_candidate() -> None:
    assert await answer_to(page(row())) == LookupAnswer(good=True, candidates=(MESSAGE_SID,))


async def test_the_prefix_of_a_trial_account_is_no_difference() -> None:
    listed = row(body=f"Sent from your Twilio trial account - {BODY}")
    assert (await answer_to(page(listed))).candidates == (MESSAGE_SID,)


@pytest.mark.parametrize(
    "listed",
    [
        row(after_s=-1),
        row(body="Your code is 000000"),
        row(body=None),
        row(direction="inbound"),
        row(direction="outbound-reply"),
        row(to="+14155550111"),
    ],
    ids=["older", "other body", "no body", "inbound", "reply", "other recipient"],
)
async def test_another_message_is_no_candidate(listed: dict[str, object]) -> None:
    assert await answer_to(page(listed)) == LookupAnswer(good=True)


async def test_candidates_come_oldest_first() -> None:
    listed = (row(9, sid="SM3"), row(5, sid="SM2"), row(0, sid="SM1"))
    assert (await answer_to(page(*listed))).candidates == ("SM1", "SM2", "SM3")


async def test_calls_are_matched_without_a_body() -> None:
    fake = FakeProvider([page(row(sid=CALL_SID, body=None), key="calls")])
    found = await fake.provider(Kind.TWILIO).look_up(TWILIO, lookup(Channel.VOICE))
    assert fake.requests[0].url.path.endswith("/Calls.json")
    assert found == LookupAnswer(good=True, candidates=(CALL_SID,))


NEXT = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?Page=1&PageToken=PAMM"


async def test_pages_are_followed_as_they_are_linked() -> None:
    fake = FakeProvider([page(row(9, sid="SM2"), following=NEXT), page(row(3, sid="SM1"))])
    found = await fake.provider(Kind.TWILIO).look_up(TWILIO, lookup())
    assert str(fake.requests[1].url) == f"https://api.twilio.com{NEXT}"
    assert found == LookupAnswer(good=True, candidates=("SM1", "SM2"))


async def test_pages_older_than_the_attempt_are_not_read() -> None:
    assert await answer_to(page(row(), row(-60), following=NEXT)) == LookupAnswer(good=True, candidates=(MESSAGE_SID,))


async def test_a_list_that_does_not_end_is_no_good_answer_but_keeps_what_it_found() -> None:
    fake = FakeProvider(lambda request: page(row(), following=NEXT))
    found = await fake.provider(Kind.TWILIO).look_up(TWILIO, lookup())
    assert (found.good, len(fake.requests)) == (False, 5)
    assert MESSAGE_SID in found.candidates


@pytest.mark.parametrize(
    "following", ["https://evil.example/x", "//evil.example/x", "http://api.twilio.com/x", "https://a@api.twilio.com/x"]
)
async def test_credentials_do_not_follow_a_link_to_another_host(following: str) -> None:
    fake = FakeProvider([page(following=following)])
    assert await fake.provider(Kind.TWILIO).look_up(TWILIO, lookup()) == LookupAnswer(good=False)
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "given",
    [
        answer(500, {"code": 20500}),
        answer(429, {"code": 20429}),
        answer(401, {"code": 20003}),
        answer(200, {"messages": None}),
        answer(200, {"messages": ["SM1"]}),
        answer(200, []),
        httpx.Response(200, content=b"<html>"),
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        page(row(date_created="yesterday")),
        page(row(date_created=None)),
        page(row(date_created="Thu, 24 Aug 99999999999999999999 05:01:45 +0000")),
        page(row(date_created="Thu, 24 Aug 2023 05:01:45 +99999999999999")),
        page(row(sid=None)),
    ],
    ids=range(14),
)
async def test_an_answer_that_cannot_be_read_is_not_good(given: Answer) -> None:
    assert await answer_to(given) == LookupAnswer(good=False)
