from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from providers.gateway_settings import GatewayRequest, HttpMethod, NumberFormat
from providers.gateway_values import code_of, sms_values, voice_values
from providers.protocol import Origin, OriginType
from providers.variables import NO_VARIABLES, Variables
from providers.voice_markup import parse
from tests.support.provider_samples import NUMBER, SENDER_ID, sms, voice
from trunkline_client.private import Body, Code
from trunkline_client.words import Channel

SMS = GatewayRequest(Channel.SMS, HttpMethod.GET, "https://gw.example/")
VOICE = replace(SMS, channel=Channel.VOICE)
TAGGED = replace(VOICE, before_tag="<Say>", after_tag="</Say> ")
GATEWAY = Origin(OriginType.GATEWAY, "own-gateway")


def spoken(settings: GatewayRequest, body: str, variables: Variables = NO_VARIABLES) -> tuple[str, str]:
    values = voice_values(settings, replace(voice(body=body), variables=variables), parse(body), ("message", "otp"))
    return values["message"], values["otp"]


@pytest.mark.parametrize(
    ("body", "given", "code"),
    [
        ("Your code is 481516", {}, "481516"),
        ("Your code is 481516", {"otp": "AB12"}, "AB12"),
        ("Your code is 481516", {"otp": ""}, "481516"),
        ("Code <sayCharValue>4 8 A5</sayCharValue> or 1234", {}, "48A5"),
        ("Code <SAYCHARVALUE>\n123 </ saycharvalue > <sayCharValue>9</sayCharValue>", {}, "123"),
        ("4815 again: 4815", {}, "4815"),
        ("4815 or 1623", {}, None),
        ("call 12345678901 or 123", {}, None),
        ("no code", {}, None),
    ],
)
def test_the_code_is_given_or_spelled_or_the_only_run_of_digits(
    body: str, given: dict[str, str], code: str | None
) -> None:
    assert code_of(Body(body), Variables(given)) == (Code(code) if code else None)


@pytest.mark.parametrize(
    ("settings", "origin", "values"),
    [
        (SMS, NUMBER, {"to": "+12015550123", "from": "+14155550199"}),
        (replace(SMS, number_format=NumberFormat.NUMBER_ONLY), NUMBER, {"to": "12015550123", "from": "14155550199"}),
        (SMS, SENDER_ID, {"to": "+12015550123", "from": "Acme"}),
        (SMS, GATEWAY, {"to": "+12015550123", "from": ""}),
    ],
)
def test_numbers_are_written_as_the_request_says(
    settings: GatewayRequest, origin: Origin, values: dict[str, str]
) -> None:
    assert sms_values(settings, sms(origin), ("to", "from")) == values


def test_the_jobs_own_variables_are_filled_in_and_the_rest_is_empty() -> None:
    variables = Variables({"user.username": "jo", "brand": "Acme", "to": "+1", "message": "mine", "locale": "fr"})
    names = ("user.username", "brand", "user.name.given", "to", "message", "locale", "otp")

    assert sms_values(SMS, replace(sms(), variables=variables), names) == {
        "user.username": "jo",
        "brand": "Acme",
        "user.name.given": "",
        "to": "+12015550123",
        "message": "Your code is 481516",
        "locale": "fr",
        "otp": "481516",
    }


def test_a_call_has_its_voice_and_locale() -> None:
    request = voice(locale="en-GB", voice="Alice")

    assert voice_values(VOICE, request, parse("x"), ("voice", "locale")) == {"voice": "Alice", "locale": "en-GB"}


def test_a_message_is_spoken_as_plain_text() -> None:
    assert spoken(VOICE, "Hi<pause1sec> code 4815.") == ("Hi, code 4 8 1 5.", "4815")


@pytest.mark.parametrize(
    ("body", "message", "otp"),
    [
        ("Code 4815", "Code <Say>4</Say> <Say>8</Say> <Say>1</Say> <Say>5</Say> ", None),
        (
            "<repeatMessage val=2>It is <sayCharValue>42</sayCharValue></repeatMessage>",
            "It is <Say>4</Say> <Say>2</Say>  It is <Say>4</Say> <Say>2</Say> ",
            "<Say>4</Say> <Say>2</Say> ",
        ),
        ("In 1999 or 2001", "In 1 9 9 9 or 2 0 0 1", ""),
        ("No code", "No code", ""),
    ],
)
def test_tags_go_around_each_digit_of_the_code(body: str, message: str, otp: str | None) -> None:
    found = spoken(TAGGED, body)

    assert found[0] == message
    assert otp is None or found[1] == otp


def test_tags_also_find_a_code_that_no_run_of_digits_spells() -> None:
    assert spoken(TAGGED, "Say A7 now, not A77", Variables({"otp": "A7"}))[0] == (
        "Say <Say>A</Say> <Say>7</Say>  now, not A77"
    )


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    request = replace(sms(), variables=Variables({"x": "\ud83d"}))

    assert sms_values(SMS, request, ("x",)) == {"x": "?"}


def test_variables_hide_what_they_hold() -> None:
    variables = Variables({"otp": "481516"})

    assert "481516" not in f"{variables} {variables!r} {replace(sms(), variables=variables)!r}"
    assert variables == Variables({"otp": "481516"}) != NO_VARIABLES
    assert hash(variables) == hash(Variables({"otp": "481516"}))
    with pytest.raises(TypeError):
        pickle.dumps(variables)
