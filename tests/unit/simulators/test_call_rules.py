from __future__ import annotations

from dataclasses import replace

import pytest

from providers.simulators.default_world import LOCAL_NUMBER, SHORT_CODE, SMS_ONLY_NUMBER, default_world
from providers.simulators.twilio.call_rules import call_refusal
from providers.simulators.world import AccountType, TwilioAccount

FULL = default_world().twilio[0]
TRIAL = default_world().twilio[1]
CALL = {"To": "+12015550123", "From": LOCAL_NUMBER, "Twiml": "<Response><Say>Hello</Say></Response>"}


@pytest.mark.parametrize(
    "change", [{}, {"Timeout": "60"}, {"Twiml": "x" * 4000}, {"Twiml": "", "Url": "https://a.example"}]
)
def test_a_good_call_is_accepted(change: dict[str, str]) -> None:
    assert call_refusal(FULL, CALL | change) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21201),
        ({"From": ""}, 21213),
        ({"Twiml": ""}, 21205),
        ({"Twiml": "x" * 4001}, 32018),
        ({"Timeout": "601"}, 21208),
        ({"Timeout": "a"}, 21208),
        ({"To": "12"}, 21217),
        ({"From": "+14155550166"}, 21210),
        ({"From": SMS_ONLY_NUMBER}, 21210),
        ({"From": SHORT_CODE}, 21212),
        ({"From": "Acme"}, 21212),
    ],
)
def test_every_flaw_of_a_call_has_its_code(change: dict[str, str], code: int) -> None:
    refusal = call_refusal(FULL, CALL | change)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (400, code)


@pytest.mark.parametrize(
    ("account", "sender", "code"),
    [
        (replace(FULL, voice_blocked_countries=("US",)), LOCAL_NUMBER, 21215),
        (replace(TRIAL, verified_recipients=()), "+14155550101", 21219),
    ],
)
def test_every_state_of_an_account_has_its_code(account: TwilioAccount, sender: str, code: int) -> None:
    refusal = call_refusal(account, CALL | {"From": sender})
    assert refusal is not None
    assert refusal.code == code


@pytest.mark.parametrize(
    ("sender", "to", "code"),
    [
        ("+15005550006", "+12015550123", None),
        ("+15005550001", "+12015550123", 21212),
        (LOCAL_NUMBER, "+12015550123", 21210),
        ("+15005550006", "+15005550001", 21217),
        ("+15005550006", "+15005550002", 21214),
        ("+15005550006", "+15005550003", 21215),
        ("+15005550006", "+15005550004", 21216),
        ("+15005550006", "12", 21217),
    ],
)
def test_test_credentials_know_the_magic_numbers(sender: str, to: str, code: int | None) -> None:
    refusal = call_refusal(replace(FULL, type=AccountType.TEST), CALL | {"From": sender, "To": to})
    assert (refusal and refusal.code) == code
