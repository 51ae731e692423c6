from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tasks.contract import Job, validate
from tasks.contract_schema import render
from tests.support.jobs import BAD_JOBS, GOOD_JOBS, SMS, VOICE
from trunkline_client.errors import JobInvalid
from trunkline_client.job import check
from trunkline_client.limits import FIELDS
from trunkline_client.private import Body, Recipient
from trunkline_client.words import Channel, Lane

SCHEMA = Draft202012Validator(json.loads(render()))
SEEN_BY_SCHEMA = [case for case in BAD_JOBS if case["schema_catches"]]

FIELD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["sms", "voice", "urgent", "hold", "2030-01-31T09:30:00Z", "+14155552671", "en-GB"]),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3),
)


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"])


def wrong_fields(job: object) -> set[str]:
    try:
        validate(job)
    except JobInvalid as error:
        return {one.field for one in error.errors}
    return set()


@pytest.mark.parametrize("case", BAD_JOBS, ids=name_of)
def test_a_bad_job_gets_one_error_that_names_every_wrong_field(case: dict[str, Any]) -> None:
    with pytest.raises(JobInvalid) as caught:
        validate(case["job"])
    assert sorted(error.field for error in caught.value.errors) == case["fields"]


@pytest.mark.parametrize("case", BAD_JOBS, ids=name_of)
def test_the_model_alone_refuses_a_bad_job_too_and_shows_no_value(case: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Job.model_validate(case["job"])
    values = [value for value in case["job"].values() if isinstance(value, str) and len(value) > 5]
    assert not [value for value in values if value in str(caught.value)]


@pytest.mark.parametrize("job", GOOD_JOBS.values(), ids=GOOD_JOBS)
def test_a_good_job_is_valid_for_model_and_schema(job: dict[str, Any]) -> None:
    assert validate(job).tenant == "acme"
    assert SCHEMA.is_valid(job)


@pytest.mark.parametrize("case", SEEN_BY_SCHEMA, ids=name_of)
def test_the_schema_refuses_what_a_schema_can_see(case: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(
        {name: value for name, value in case["job"].items() if value is not None or name != "body"}
    )


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), FIELD_VALUES))
def test_whatever_the_client_refuses_the_model_refuses_for_the_same_fields(job: dict[str, Any]) -> None:
    try:
        check(job, "fresh")
        refused = set()
    except JobInvalid as error:
        refused = {one.field for one in error.errors}
    assert refused <= wrong_fields(job)


def test_the_valid_job_has_types_that_hide_what_is_private() -> None:
    job = validate(SMS | {"user": "user-17", "metadata": {"order": "A-77"}})
    assert (job.to, job.body) == (Recipient("+14155552671"), Body("Your code is 493817"))
    assert not [secret for secret in ("4155552671", "493817", "user-17", "A-77") if secret in repr(job)]


def test_the_valid_job_has_its_defaults() -> None:
    job = validate(VOICE)
    assert (job.channel, job.priority, job.on_unknown, job.id) == (Channel.VOICE, Lane.NORMAL, None, None)


@pytest.mark.parametrize("job", [None, [], "job", 7])
def test_what_is_no_object_is_no_job(job: object) -> None:
    assert wrong_fields(job) == {"job"}


@pytest.mark.parametrize("field", sorted(FIELDS - SMS.keys()))
def test_an_optional_field_that_is_null_counts_as_absent(field: str) -> None:
    assert validate(SMS | {field: None}) == validate(SMS)


def test_the_schema_in_the_documentation_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "job.schema.json"
    assert page.read_text(encoding="utf-8") == render()


def test_the_schema_knows_every_field() -> None:
    assert json.loads(render())["properties"].keys() == FIELDS
