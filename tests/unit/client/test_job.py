from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.jobs import BAD_JOBS, GOOD_JOBS, SMS, VOICE
from trunkline_client.errors import JobInvalid
from trunkline_client.job import check
from trunkline_client.limits import FIELDS, MOST_JOB_BYTES, json_bytes
from trunkline_client.record import enqueue_call
from trunkline_client.words import Lane

CAUGHT = [case for case in BAD_JOBS if case["client_catches"]]
LEFT_TO_THE_WORKER = [case for case in BAD_JOBS if not case["client_catches"]]


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", CAUGHT, ids=name_of)
def test_a_bad_job_is_refused_with_every_wrong_field(case: dict[str, Any]) -> None:
    with pytest.raises(JobInvalid) as caught:
        check(case["job"], "fresh")
    assert sorted(error.field for error in caught.value.errors) == case["fields"]


@pytest.mark.parametrize("case", LEFT_TO_THE_WORKER, ids=name_of)
def test_what_takes_knowledge_of_numbers_and_voices_is_left_to_the_worker(case: dict[str, Any]) -> None:
    assert check(case["job"], "fresh").id == "fresh"


@pytest.mark.parametrize("job", GOOD_JOBS.values(), ids=GOOD_JOBS)
def test_a_good_job_is_accepted(job: dict[str, Any]) -> None:
    assert check(job, "fresh").tenant == "acme"


@pytest.mark.parametrize("field", sorted(FIELDS - SMS.keys()))
def test_an_optional_field_that_is_none_counts_as_absent(field: str) -> None:
    assert check(SMS | {field: None}, "fresh") == check(SMS, "fresh")


def test_an_id_from_the_factory_is_checked_too() -> None:
    with pytest.raises(JobInvalid, match=r"^id: "):
        check(SMS, "not an id")


def test_a_job_is_normal_unless_it_says_otherwise() -> None:
    assert check(SMS, "fresh").lane is Lane.NORMAL


def test_no_more_than_ten_unknown_fields_are_named() -> None:
    with pytest.raises(JobInvalid) as caught:
        check(SMS | {f"field_{'x' * number}": 1 for number in range(1, 20)}, "fresh")
    assert len(caught.value.errors) == 10


def test_a_datetime_without_offset_is_refused() -> None:
    with pytest.raises(JobInvalid, match=r"^send_at: must be a time with its offset"):
        check(SMS | {"send_at": datetime(2030, 1, 31, 9, 30)}, "fresh")  # noqa: DTZ001 -- the mistake under test


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 31, 9, 30, tzinfo=UTC),
        datetime(2030, 1, 31, 10, 30, tzinfo=timezone(timedelta(hours=1))),
        "2030-01-31T09:30:00Z",
        "2030-01-31t09:30z",
        "2030-01-31 10:30:00.000999+01:00",
    ],
)
def test_every_way_to_write_a_moment_means_the_same_millisecond(moment: datetime | str) -> None:
    assert check(SMS | {"send_at": moment}, "fresh").send_at_ms == 1_896_082_200_000


@pytest.mark.parametrize("case", CAUGHT, ids=name_of)
def test_an_error_never_quotes_what_was_given(case: dict[str, Any]) -> None:
    with pytest.raises(JobInvalid) as caught:
        check(case["job"], "fresh")
    quoted = [value for value in case["job"].values() if isinstance(value, str) and len(value) > 5]
    assert not [value for value in quoted if value in str(caught.value)]


@given(
    body=st.text(max_size=1700),
    to=st.text(max_size=20),
    metadata=st.dictionaries(st.text(max_size=70), st.text(max_size=300), max_size=25),
    ttl=st.floats() | st.integers() | st.none(),
)
def test_whatever_is_accepted_fits_the_bound_of_a_job(body: str, to: str, metadata: dict[str, str], ttl: float) -> None:
    given_job = SMS | {"body": body, "metadata": metadata, "ttl": ttl, "user": to}
    try:
        checked = check(given_job, "fresh")
    except JobInvalid:
        return
    _, arguments = enqueue_call(checked)
    assert sum(len(argument.encode()) for argument in arguments) <= MOST_JOB_BYTES


def test_the_longest_job_fits_the_bound_of_a_job() -> None:
    longest = SMS | {
        "id": "i" * 64,
        "tenant": "t" * 64,
        "body": "\U0010ffff" * 1600,
        "user": "\U0010ffff" * 128,
        "reference": "\U0010ffff" * 128,
        "policy": "p" * 64,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "metadata": {"a": "é" * 2044},
    }
    check(longest, "fresh")
    assert len(json_bytes(longest)) <= MOST_JOB_BYTES


def test_a_checked_job_shows_nothing_private() -> None:
    shown = repr(check(VOICE | {"user": "user-17", "metadata": {"order": "A-77"}}, "fresh"))
    assert not [secret for secret in ("4155552671", "493817", "user-17", "A-77") if secret in shown]
