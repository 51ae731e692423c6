"""The rules of gateways, one test for each; `docs/rules.md` lists them."""

from __future__ import annotations

from typing import Any

import pytest

from providers.gateway_settings import NumberFormat
from senders.config_file import parse_file
from senders.desired import DesiredSender
from senders.findings import ConfigRefused
from tests.support.gateway_files import FORM, GET, JSON, PHONE, POST, SHORT_CODE, TOLL_FREE, VOICE_GET, gateway_file

HTTPS = "URL must be a valid HTTPS URL"
URL_VARIABLES = "URL must have `${to}` and `${message}` mandatory variables"
BODY_VARIABLES = "Body must have `${to}` and `${message}` mandatory variables"


def read(**fields: Any) -> DesiredSender:
    """Return the gateway of a file with these fields besides or instead of valid ones."""
    return parse_file(gateway_file(**fields), {"PASSWORD": "pass word"})["acme"].senders["own"]


def request(valid: dict[str, Any] = POST, **fields: Any) -> dict[str, Any]:
    """Return the fields of a gateway whose only request has these besides or instead of valid ones."""
    return {"requests": [valid | fields], "channels": [str(valid["channel"]).lower()]}


def problem(field: str, **fields: Any) -> str:
    """Return what is wrong with one field of a gateway."""
    with pytest.raises(ConfigRefused) as refused:
        read(**fields)
    found = {one.field.removeprefix("tenants.acme.senders.own."): one.problem for one in refused.value.errors}
    return found[field]


@pytest.mark.parametrize("url", ["http://gw.example/", "ftp://gw.example/", "gw.example", "https://", "HTTPS//x"])
def test_a_gateway_is_reached_by_https_only(url: str) -> None:
    assert problem("requests[0].url", **request(url=url)) == HTTPS


@pytest.mark.parametrize("query", ["", "to=${to}", "m=${message}", "to=${To}&m=${message}", "to=$${to}&m=${message}"])
def test_the_url_of_a_get_has_both_mandatory_variables(query: str) -> None:
    assert problem("requests[0].url", **request(GET, url=f"https://gw.example/?{query}")) == URL_VARIABLES


@pytest.mark.parametrize("body", ['{"a": "${to}"}', '{"a": "${message}"}', '{"a": "to message"}', ""])
def test_the_body_of_a_post_has_both_mandatory_variables(body: str) -> None:
    assert problem("requests[0].body", **request(body=body)) == BODY_VARIABLES


def test_the_mandatory_variables_stand_in_any_order() -> None:
    read(**request(GET, url="https://gw.example/${message}?to=${to}"))
    read(**request(body='["${message}", "${to}"]'))


@pytest.mark.parametrize("name", ["from", "voice", "locale", "otp", "user.username", "user.name.given", "current-year"])
def test_a_template_may_use_other_variables_too(name: str) -> None:
    with_numbers: dict[str, Any] = {"numbers": [PHONE]} if name == "from" else {}
    read(**request(body=f'["${{to}}", "${{message}}", "${{{name}}}"]'), **with_numbers)


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"Accept": "application/json"}, JSON | FORM])
def test_a_post_has_exactly_one_content_type_form_or_json(headers: dict[str, str]) -> None:
    assert problem("requests[0].headers", **request(headers=headers))
    read(**request(headers=JSON))
    read(**request(headers=FORM, body="to=${to}&text=${message}"))


def test_numbers_are_written_with_a_plus_sign_unless_number_only_is_asked_for() -> None:
    formats = [read(**request(POST | one)).gateway for one in ({}, {"number_format": "NUMBER_ONLY"})]
    assert [one and one.requests[0].number_format for one in formats] == [NumberFormat.FULL, NumberFormat.NUMBER_ONLY]
    assert "must be 'full' or 'number_only'" in problem("requests[0].number_format", **request(number_format="E164"))


@pytest.mark.parametrize("tag", ["before_tag", "after_tag"])
def test_tags_around_digits_are_for_voice_only(tag: str) -> None:
    assert "an sms request has none" in problem(f"requests[0].{tag}", **request(POST | {tag: "<Say>"}))
    read(**request(VOICE_GET | {tag: "<Say>"}))


@pytest.mark.parametrize("number", [TOLL_FREE, SHORT_CODE])
@pytest.mark.parametrize("countries", [None, []])
def test_a_toll_free_number_or_short_code_of_a_gateway_needs_its_countries(number: Any, countries: Any) -> None:
    with pytest.raises(ConfigRefused):
        read(numbers=[number | {"countries": countries}])
    read(numbers=[number])


def test_an_ordinary_number_of_a_gateway_has_no_countries() -> None:
    assert "serves every country" in problem("numbers[0]", numbers=[PHONE | {"countries": ["US"]}])


def test_a_number_of_a_gateway_has_at_least_one_capability() -> None:
    assert problem("numbers[0].capabilities", numbers=[PHONE | {"capabilities": []}]) == "must not be empty"


@pytest.mark.parametrize("missing", ["name", "authentication", "requests"])
def test_a_gateway_needs_a_name_authentication_and_requests(missing: str) -> None:
    assert problem(missing, **{missing: None}) == "is missing"
