from __future__ import annotations

import pytest

from tests.support.twilio_openapi import check_request, check_response, missing_fields

ACCOUNT = "/2010-04-01/Accounts/AC00000000000000000000000000000001"
MESSAGES = f"{ACCOUNT}/Messages.json"
CALLS = f"{ACCOUNT}/Calls.json"
SMS = {"To": ["+12015550123"], "From": ["+12015550100"], "Body": ["Hello"]}


@pytest.mark.parametrize(
    ("method", "path", "form"),
    [
        ("POST", MESSAGES, SMS | {"ValidityPeriod": ["300"], "SmartEncoded": ["true"]}),
        ("POST", MESSAGES, SMS | {"MediaUrl": ["https://a.example/1", "https://a.example/2"]}),
        ("POST", CALLS, {"To": ["+12015550123"], "From": ["+12015550100"], "Twiml": ["<Response/>"]}),
        ("GET", MESSAGES, {"To": ["+12015550123"], "DateSent>": ["2026-01-31"], "PageSize": ["1000"]}),
        ("GET", f"{ACCOUNT}.json", {}),
        ("GET", "/v1/Services", {"PageSize": ["50"]}),
    ],
)
def test_a_well_formed_request_has_no_problem(method: str, path: str, form: dict[str, list[str]]) -> None:
    assert check_request(method, path, form) == []


@pytest.mark.parametrize(
    ("method", "path", "form", "problem"),
    [
        ("POST", MESSAGES, SMS | {"Foo": ["1"]}, "Foo: unknown field"),
        ("POST", MESSAGES, SMS | {"ValidityPeriod": ["soon"]}, "ValidityPeriod: 'soon' is not of type 'integer'"),
        ("POST", MESSAGES, SMS | {"Body": ["a", "b"]}, "Body: 2 values of a single field"),
        ("POST", MESSAGES, {"To": ["+12015550123"], "Body": ["a"]}, "one of from, messaging_service_sid is needed"),
        ("POST", MESSAGES, {"From": ["22"], "Body": ["a"]}, "value: 'To' is a required property"),
        ("GET", MESSAGES, {"PageSize": ["1001"]}, "PageSize: 1001 is greater than the maximum of 1000"),
        ("GET", "/2010-04-01/Accounts/nobody.json", {}, "Sid in the path: value: 'nobody' is too short"),
        ("GET", "/2010-04-01/Nothing", {}, "GET /2010-04-01/Nothing: no such operation"),
    ],
)
def test_every_flaw_of_a_request_is_named(method: str, path: str, form: dict[str, list[str]], problem: str) -> None:
    assert problem in check_request(method, path, form)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (201, {"sid": "SM1"}, "sid: 'SM1' is too short"),
        (201, {"status": "gone"}, "status: 'gone' is not one of"),
        (201, {"num_segments": 1}, "num_segments: 1 is not of type 'string'"),
        (201, {"date_created": "2026-01-31"}, "date_created: '2026-01-31' is not a 'date-time-rfc-2822'"),
        (201, {"colour": "blue"}, "colour: unknown field"),
        (202, {}, "status 202 is not declared"),
        (400, {"code": "21211", "message": "m", "more_info": "x", "status": 400}, "code: neither a number nor null"),
        (400, "no", "an error's body is a JSON object"),
    ],
)
def test_every_flaw_of_an_answer_is_named(status: int, body: object, problem: str) -> None:
    assert any(found.startswith(problem) for found in check_response("POST", MESSAGES, status, body))


def test_a_documented_error_has_no_problem() -> None:
    body = {"code": 21211, "message": "No.", "more_info": "https://www.twilio.com/docs/errors/21211", "status": 400}
    assert check_response("POST", MESSAGES, 400, body) == []


def test_a_declared_field_that_is_absent_is_reported_apart() -> None:
    body = {"messages": [{"sid": None}]}
    assert check_response("GET", MESSAGES, 200, body) == []
    assert "messages.0.price: missing" in missing_fields("GET", MESSAGES, 200, body)
