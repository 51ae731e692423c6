"""Gateways in a configuration file: every rule has a row."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gateway_hosts import PUBLIC_ONLY, HostRules
from providers.gateway_settings import (
    AuthMethod,
    Gateway,
    GatewayAuthentication,
    GatewayRequest,
    HttpMethod,
    NumberFormat,
    origins_of,
)
from providers.protocol import Kind, NumberType
from senders.config_file import parse_file
from senders.desired import DesiredSender, SelectedNumber
from senders.findings import ConfigRefused
from senders.yaml_text import FileUnreadable
from tests.support.gateway_files import (
    BASIC,
    FORM,
    FROM,
    GET,
    JSON,
    OAUTH2,
    PHONE,
    POST,
    SHORT_CODE,
    TOLL_FREE,
    VOICE_GET,
    gateway_file,
)
from tests.support.sender_samples import BOTH, SMS, VOICE
from trunkline_client.private import Token
from trunkline_client.words import Channel

PAGE = Path(__file__).parents[3] / "docs" / "gateways.md"


def read(hosts: HostRules = PUBLIC_ONLY, **fields: Any) -> DesiredSender:
    return parse_file(gateway_file(**fields), {"PASSWORD": "pass word"}, hosts=hosts)["acme"].senders["own"]


def errors_of(**fields: Any) -> dict[str, str]:
    with pytest.raises(ConfigRefused) as caught:
        read(**fields)
    return {error.field.removeprefix("tenants.acme.senders.own."): error.problem for error in caught.value.errors}


def request_with(**fields: Any) -> list[dict[str, Any]]:
    changed = (GET if fields.get("method") == "GET" else POST) | fields
    return [{name: value for name, value in changed.items() if value is not None}]


def test_a_gateway_is_read_with_words_in_any_case() -> None:
    sender = read(
        channels=["sms", "voice"],
        requests=[
            VOICE_GET | {"method": "get", "number_format": "NUMBER_ONLY", "before_tag": "<Say>", "after_tag": "</Say>"},
            POST | {"method": "Post"},
        ],
        numbers=[TOLL_FREE, PHONE],
    )

    assert sender == DesiredSender(
        key="own",
        kind=Kind.GATEWAY,
        name="Own gateway",
        channels=BOTH,
        consent_by="ops@acme.example",
        numbers=(
            SelectedNumber("+14155550100", None, NumberType.PHONE_NUMBER, BOTH),
            SelectedNumber("+18335550199", ("US", "CA"), NumberType.TOLL_FREE, SMS),
        ),
        gateway=Gateway(
            GatewayAuthentication(AuthMethod.BASIC, username="acme"),
            (
                GatewayRequest(
                    Channel.SMS,
                    HttpMethod.POST,
                    "https://gw.example/sms",
                    (("content-type", "application/json"),),
                    '{"to": "${to}", "text": "${message}"}',
                ),
                GatewayRequest(
                    Channel.VOICE,
                    HttpMethod.GET,
                    "https://gw.example/sms?text=${message}&to=${to}",
                    number_format=NumberFormat.NUMBER_ONLY,
                    before_tag="<Say>",
                    after_tag="</Say>",
                ),
            ),
        ),
    )


def test_the_environment_fills_credentials_and_leaves_the_variables_of_requests() -> None:
    sender = read()

    assert sender.token == Token("pass word")
    assert sender.gateway is not None
    assert sender.gateway.requests[0].body == POST["body"]


def test_the_environment_still_fills_what_another_kind_calls_requests() -> None:
    assert "environment variable to" in errors_of(kind="twilio")["requests[0].body"]


@pytest.mark.parametrize(
    ("authentication", "settings", "secret"),
    [
        (BASIC, GatewayAuthentication(AuthMethod.BASIC, username="acme"), "pass word"),
        ({"method": "bearer", "token": "t"}, GatewayAuthentication(AuthMethod.BEARER), "t"),
        (
            OAUTH2,
            GatewayAuthentication(AuthMethod.OAUTH2, auth_url="https://id.example/t", client_id="c"),
            "s",
        ),
        (
            {"method": "custom_header", "header": "Authorization", "header_value": "App 1"},
            GatewayAuthentication(AuthMethod.CUSTOM_HEADER, header="Authorization"),
            "App 1",
        ),
    ],
)
def test_each_method_has_one_secret(
    authentication: dict[str, str], settings: GatewayAuthentication, secret: str
) -> None:
    sender = read(authentication=authentication)

    assert sender.gateway is not None
    assert (sender.gateway.authentication, sender.token) == (settings, Token(secret))


@pytest.mark.parametrize(
    ("authentication", "field", "problem"),
    [
        (None, "authentication", "is missing"),
        ({"method": "digest"}, "authentication.method", "must be 'basic', 'bearer', 'oauth2' or 'custom_header'"),
        ({"method": "basic", "username": "a"}, "authentication", "password missing"),
        (BASIC | {"token": "t"}, "authentication", "token too many"),
        ({"method": "bearer", "password": "p"}, "authentication", "token missing, password too many"),
        (BASIC | {"username": "a:b"}, "authentication.username", "must hold no colon"),
        (BASIC | {"password": "a\tb"}, "authentication.password", "1 to 1,024 printable characters"),
        ({"method": "bearer", "token": "a b"}, "authentication.token", "without spaces"),
        ({"method": "bearer", "token": "a\nb"}, "authentication.token", "without spaces"),
        ({"method": "custom_header", "header": "X", "header_value": "é"}, "authentication.header_value", "ASCII"),
        ({"method": "custom_header", "header": "X Y", "header_value": "v"}, "authentication.header", "a header's name"),
        ({"method": "custom_header", "header": "Host", "header_value": "v"}, "authentication.header", "cannot be set"),
        (OAUTH2 | {"auth_url": "http://id.example"}, "authentication.auth_url", "URL must be a valid HTTPS URL"),
        (OAUTH2 | {"auth_url": "https://id.example/$${to}"}, "authentication.auth_url", "holds no variables"),
        (OAUTH2 | {"client_id": ""}, "authentication.client_id", "must be 1 to 256 printable characters"),
        (BASIC | {"scope": "x"}, "authentication.scope", "is no key that is known here"),
    ],
)
def test_a_wrong_field_of_the_authentication_is_named(
    authentication: dict[str, str] | None, field: str, problem: str
) -> None:
    errors = errors_of(authentication=authentication)

    assert list(errors) == [field]
    assert problem in errors[field]


HTTPS = "URL must be a valid HTTPS URL"
URL_VARIABLES = "URL must have `${to}` and `${message}` mandatory variables"
BODY_VARIABLES = "Body must have `${to}` and `${message}` mandatory variables"
ONE_TYPE = "exactly one content-type header"


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"url": "http://gw.example/"}, "url", HTTPS),
        ({"url": "gw.example/"}, "url", HTTPS),
        ({"url": "https:///x"}, "url", HTTPS),
        ({"url": "https://user:pw@gw.example/"}, "url", HTTPS),
        ({"url": "https://gw.example:port/"}, "url", HTTPS),
        ({"url": "https://gw.example:99999/"}, "url", HTTPS),
        ({"url": "https://[::1/"}, "url", HTTPS),
        ({"url": "https://gw.example/a b"}, "url", HTTPS),
        ({"url": "https://gw.exämple/"}, "url", HTTPS),
        ({"url": "https://08.8.8.8/"}, "url", HTTPS),
        ({"url": "https://xn--zzzz.example/"}, "url", HTTPS),
        ({"url": "https://${to}.example/"}, "url", "after the host only"),
        ({"url": "https://gw.example:${message}/"}, "url", "after the host only"),
        ({"url": "https://gw.example/../x"}, "url", "no part . or .."),
        ({"url": "https://gw.example/#x"}, "url", "must have no #"),
        ({"url": "https://gw.example/\\x"}, "url", "no backslash"),
        ({"url": "https://gw.example/${"}, "url", "a variable is ${name}"),
        ({"url": "https://gw.example/${a b}"}, "url", HTTPS),
        ({"method": "GET", "url": "https://gw.example/?to=${to}"}, "url", URL_VARIABLES),
        ({"method": "GET", "url": "https://gw.example/?to=$${to}&m=${message}"}, "url", URL_VARIABLES),
        ({"method": "GET", "body": "x"}, "body", "a GET has no body"),
        ({"method": "PUT"}, "method", "must be 'GET' or 'POST'"),
        ({"body": None}, "body", BODY_VARIABLES),
        ({"body": '{"to": "${to}"}'}, "body", BODY_VARIABLES),
        ({"body": '{"to": "${message}"}'}, "body", BODY_VARIABLES),
        ({"body": '{"to": ${to}, "text": "${message}"}'}, "body", "must be valid JSON, with each variable inside"),
        ({"body": '{"to": "${to}", "text": "${message}"'}, "body", "must be valid JSON"),
        ({"body": '{"${to}": "${message}"}'}, "body", "not in names of fields"),
        ({"body": '{"to": "${to}", "text": "${message} ${"}'}, "body", "a variable is ${name}"),
        ({"headers": FORM, "body": '{"to": "${to}", "text": "${message}"}'}, "body", "must be a form"),
        ({"headers": FORM, "body": "to=${to}&${message}"}, "body", "must be a form"),
        ({"headers": FORM, "body": "to=${to}&text=code ${message}"}, "body", "must be a form"),
        ({"headers": {}}, "headers", ONE_TYPE),
        ({"headers": None}, "headers", ONE_TYPE),
        ({"headers": {"content-type": "text/xml"}}, "headers", ONE_TYPE),
        ({"headers": JSON | FORM}, "headers", "a header is there twice"),
        ({"headers": JSON | {"X-A": "1", "x-a": "2"}}, "headers", "a header is there twice"),
        ({"headers": JSON | {"X-A": "a\r\nX-B: 1"}}, "headers", "printable ASCII"),
        ({"headers": JSON | {"X-A": ""}}, "headers", "printable ASCII"),
        ({"headers": JSON | {"X-A": "${to}"}}, "headers", "holds no variables"),
        ({"headers": JSON | {"X A": "1"}}, "headers", "a header's name"),
        ({"headers": JSON | {"Content-Length": "1"}}, "headers", "cannot be set"),
        ({"headers": JSON | {"Host": "x"}}, "headers", "cannot be set"),
        ({"number_format": "national"}, "number_format", "must be 'full' or 'number_only'"),
        ({"before_tag": "<Say>"}, "before_tag", "an sms request has none"),
        ({"after_tag": "</Say>"}, "after_tag", "an sms request has none"),
        ({"channel": "fax"}, "channel", "must be 'sms' or 'voice'"),
        ({"timeout": "1"}, "timeout", "is no key that is known here"),
    ],
)
def test_a_wrong_field_of_a_request_is_named(fields: dict[str, Any], field: str, problem: str) -> None:
    errors = errors_of(requests=request_with(**fields))

    assert f"requests[0].{field}" in errors
    assert problem in errors[f"requests[0].{field}"]


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET", "url": "https://gw.example/${message}/${to}"},
        {"url": "https://gw.example:8443?x=${otp}"},
        {"url": "https://[2606:4700::1111]/"},
        {"headers": {"CONTENT-TYPE": "Application/JSON; charset=utf-8"}},
        {"headers": FORM, "body": "text=${message}&to=${to}&x=\n"},
        {"body": '["$${x}", "${to}", "${message}", "${user.name.given}", "${brand_name}"]'},
    ],
)
def test_other_forms_of_a_request_are_taken(fields: dict[str, Any]) -> None:
    assert read(requests=request_with(**fields)).gateway is not None


def test_plain_http_is_taken_where_the_operator_names_the_host() -> None:
    local = request_with(url="http://127.0.0.1:8900/gateway/x/sms")

    assert read(HostRules.read("127.0.0.1"), requests=local).gateway is not None
    assert errors_of(requests=local) == {"requests[0].url": HTTPS}


@pytest.mark.parametrize(
    ("channels", "requests", "problem"),
    [
        (["sms"], [], "must have one request for each of the sender's channels, sms"),
        (["sms", "voice"], [POST], "must have one request for each of the sender's channels, sms, voice"),
        (["sms"], [POST, VOICE_GET], "must have one request for each of the sender's channels, sms"),
        (["sms"], [POST, GET], "there are two requests for sms"),
        (["sms"], None, "is missing"),
        (["sms"], "x", "must be a list"),
    ],
)
def test_each_channel_has_exactly_one_request(channels: list[str], requests: object, problem: str) -> None:
    assert problem in errors_of(channels=channels, requests=requests)["requests"]


@pytest.mark.parametrize("header", ["Authorization", "x-KEY"])
def test_a_request_cannot_carry_the_header_of_the_authentication(header: str) -> None:
    authentication = {"method": "custom_header", "header": "X-Key", "header_value": "v"}
    errors = errors_of(authentication=authentication, requests=request_with(headers=JSON | {header: "x"}))

    assert f"the header {header.lower()} is for the authentication" in "".join(errors.values())


def test_the_example_on_the_page_about_gateways_is_a_gateway() -> None:
    example = indent(PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0], "    ")
    tenant = parse_file(f"tenants:\n  acme:\n{example}", {"ACME_GATEWAY_PASSWORD": "p"})["acme"]

    assert tenant.senders["acme-gateway"].channels == BOTH


@pytest.mark.parametrize(
    ("number", "field", "problem"),
    [
        (PHONE | {"countries": ["US"]}, "numbers[0]", "serves every country: remove its countries"),
        (TOLL_FREE | {"countries": None}, "numbers[0]", "needs at least one country"),
        (TOLL_FREE | {"countries": []}, "numbers[0].countries", "must not be empty"),
        (SHORT_CODE | {"countries": None}, "numbers[0]", "needs exactly one country"),
        (SHORT_CODE | {"countries": ["US", "CA"]}, "numbers[0].countries", "exactly one country"),
        (TOLL_FREE | {"type": "SHORT_CODE"}, "numbers[0]", "needs exactly one country"),
        (TOLL_FREE | {"countries": ["UK"]}, "numbers[0].countries[0]", "must be a valid two character country code"),
        (PHONE | {"capabilities": []}, "numbers[0].capabilities", "must not be empty"),
        (PHONE | {"capabilities": ["fax"]}, "numbers[0].capabilities[0]", "must be 'sms' or 'voice'"),
        (PHONE | {"type": "mobile"}, "numbers[0].type", "must be 'phone_number', 'toll_free' or 'short_code'"),
        (PHONE | {"number": "x"}, "numbers[0].number", "must be a number in E.164"),
        (PHONE | {"capabilities": ["voice"]}, "numbers", "none can carry sms"),
    ],
)
def test_a_wrong_number_of_a_gateway_is_named(number: dict[str, Any], field: str, problem: str) -> None:
    errors = errors_of(numbers=[number])

    assert problem in errors[field]


def test_a_number_may_be_there_once() -> None:
    assert errors_of(numbers=[PHONE, PHONE])["numbers"] == "a number is there twice"


def test_numbers_are_optional_unless_a_request_uses_from() -> None:
    assert read().numbers == ()
    assert read(requests=[FROM], numbers=[PHONE]).numbers
    assert errors_of(requests=[FROM])["numbers"] == "are required: the sms request uses ${from}"
    in_the_address = POST | {"url": "https://gw.example/?from=${from}"}
    assert "are required" in errors_of(requests=[in_the_address])["numbers"]


def test_a_gateway_without_numbers_can_be_in_a_chain_and_one_without_consent_cannot() -> None:
    chained = json.loads(gateway_file())
    chained["tenants"]["acme"]["default_chain"] = ["own"]
    assert parse_file(json.dumps(chained), {"PASSWORD": "p"})["acme"].default_chain == ("own",)

    del chained["tenants"]["acme"]["senders"]["own"]["consent"]
    with pytest.raises(ConfigRefused, match="has no consent"):
        parse_file(json.dumps(chained), {"PASSWORD": "p"})


def test_the_origins_of_a_gateway_are_all_that_its_secret_is_sent_to() -> None:
    sender = read(authentication=OAUTH2)

    assert sender.gateway is not None
    assert origins_of(sender.gateway) == {"https://gw.example:443", "https://id.example:443"}
    other = replace(sender.gateway.requests[0], channel=Channel.VOICE, url="https://Voice.example:1/${to}")
    assert origins_of(replace(sender.gateway, requests=(other,))) == {
        "https://voice.example:1",
        "https://id.example:443",
    }


def test_the_secret_of_a_gateway_does_not_show() -> None:
    assert "pass word" not in repr(read())


JUNK = st.recursive(
    st.text("${}to:/h.\\\"'&=\n\0é", max_size=12)
    | st.sampled_from(["POST", "get", "sms", *map(str, POST.values())])
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*POST, "number", "type"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from([*POST, "authentication", "requests", "numbers", "channels", "method"]), JUNK, JUNK)
def test_whatever_a_file_says_of_a_gateway_is_read_or_refused_field_by_field(
    name: str, one: object, two: object
) -> None:
    fields: dict[str, Any] = {"requests": [POST | {name: one}], "authentication": BASIC}
    if name in {"authentication", "requests", "numbers", "channels"}:
        fields[name] = one
    fields["numbers"] = fields.get("numbers", two)
    with suppress(ConfigRefused, FileUnreadable):
        read(**fields)


def test_voice_alone_is_a_gateway_too() -> None:
    assert read(channels=["voice"], requests=[VOICE_GET]).channels == VOICE
