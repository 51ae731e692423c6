from __future__ import annotations

from dataclasses import replace

import pytest

from providers.simulators.default_world import (
    BRITISH_NUMBER,
    FULL_SID,
    LOCAL_NUMBER,
    SERVICE_SID,
    SHORT_CODE,
    TOLL_FREE_NUMBER,
    default_world,
)
from providers.simulators.twilio.sms_rules import sms_refusal
from providers.simulators.world import AccountType, TwilioAccount, TwilioNumber, TwilioService

FULL = default_world().twilio[0]
TRIAL = default_world().twilio[1]
SMS = {"To": "+12015550123", "From": LOCAL_NUMBER, "Body": "Hello"}
VOICE_ONLY = replace(FULL, numbers=(TwilioNumber(LOCAL_NUMBER, sms=False),))
EMPTY_SERVICE = replace(FULL, services=(TwilioService(SERVICE_SID),))
ALPHA_SERVICE = replace(FULL, services=(TwilioService(SERVICE_SID, alpha_senders=("Acme",)),))
OWNERS = {LOCAL_NUMBER: FULL_SID, "+14155550177": "AC00000000000000000000000000000009"}


@pytest.mark.parametrize(
    "fields",
    [
        SMS,
        SMS | {"From": SHORT_CODE},
        SMS | {"From": TOLL_FREE_NUMBER},
        SMS | {"From": "Acme", "To": "+447400123457"},
        SMS | {"Body": "x" * 1600, "ValidityPeriod": "36000"},
        {"To": "+12015550123", "MessagingServiceSid": SERVICE_SID, "Body": "Hello"},
        SMS | {"MessagingServiceSid": SERVICE_SID},
        SMS | {"StatusCallback": "https://hooks.example/twilio"},
    ],
)
def test_a_good_sms_is_accepted(fields: dict[str, str]) -> None:
    assert sms_refusal(FULL, fields, OWNERS) is None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": ""}, 400, 21604),
        ({"From": ""}, 400, 21603),
        ({"Body": ""}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"ValidityPeriod": "0"}, 400, 21624),
        ({"ValidityPeriod": "36001"}, 400, 21624),
        ({"ValidityPeriod": "soon"}, 400, 21624),
        ({"StatusCallback": "https://bad_host.example/"}, 400, 21609),
        ({"To": "12015550123"}, 400, 21211),
        ({"To": "+1800FLOWERS"}, 400, 21211),
        ({"To": "+1201"}, 400, 21211),
        ({"To": "88023"}, 400, 21265),
        ({"To": LOCAL_NUMBER}, 400, 21266),
        ({"From": "+14155550166"}, 400, 21659),
        ({"From": "+14155550177"}, 400, 21660),
        ({"From": "88023"}, 400, 21659),
        ({"From": SHORT_CODE, "To": "+447400123457"}, 400, 21659),
        ({"From": "Acme"}, 400, 21612),
        ({"From": "Acme", "To": "+14165550123"}, 400, 21612),
        ({"From": "Much too long a name"}, 400, 21212),
        ({"From": "+1"}, 400, 21212),
        ({"MessagingServiceSid": "MG1"}, 400, 21705),
        ({"MessagingServiceSid": "MG" + "f" * 32}, 404, 21701),
        ({"MessagingServiceSid": SERVICE_SID, "From": BRITISH_NUMBER}, 400, 21711),
    ],
)
def test_every_flaw_of_an_sms_has_its_code(change: dict[str, str], status: int, code: int) -> None:
    refusal = sms_refusal(FULL, SMS | change, OWNERS)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (status, code)


@pytest.mark.parametrize(
    ("account", "change", "code"),
    [
        (VOICE_ONLY, {}, 21661),
        (replace(VOICE_ONLY, old_number_codes=True), {}, 21606),
        (replace(FULL, old_number_codes=True), {"From": "+14155550166"}, 21606),
        (replace(FULL, opted_out=("+12015550123",)), {}, 21610),
        (replace(FULL, sms_blocked_countries=("US",)), {}, 21408),
        (EMPTY_SERVICE, {"MessagingServiceSid": SERVICE_SID, "From": ""}, 21704),
        (ALPHA_SERVICE, {"MessagingServiceSid": SERVICE_SID, "From": ""}, 21703),
        (TRIAL, {"From": "Acme", "To": "+447400123457"}, 21267),
        (replace(TRIAL, verified_recipients=()), {}, 21608),
    ],
)
def test_every_state_of_an_account_has_its_code(account: TwilioAccount, change: dict[str, str], code: int) -> None:
    refusal = sms_refusal(account, SMS | change, OWNERS)
    assert refusal is not None
    assert refusal.code == code


@pytest.mark.parametrize(
    ("sender", "to", "code"),
    [
        ("+15005550006", "+12015550123", None),
        ("+15005550000", "+12015550123", 21606),
        ("+15005550001", "+12015550123", 21212),
        ("+15005550007", "+12015550123", 21606),
        ("+15005550008", "+12015550123", 21611),
        (LOCAL_NUMBER, "+12015550123", 21606),
        ("+15005550006", "+15005550001", 21211),
        ("+15005550006", "+15005550002", 21612),
        ("+15005550006", "+15005550003", 21408),
        ("+15005550006", "+15005550004", 21610),
        ("+15005550006", "+15005550009", 21614),
        ("+15005550006", "12", 21211),
    ],
)
def test_test_credentials_know_the_magic_numbers(sender: str, to: str, code: int | None) -> None:
    account = replace(FULL, type=AccountType.TEST)
    refusal = sms_refusal(account, {"To": to, "From": sender, "Body": "Hello"}, OWNERS)
    assert (refusal and refusal.code) == code


def test_a_full_queue_is_a_429() -> None:
    account = replace(FULL, type=AccountType.TEST)
    refusal = sms_refusal(account, SMS | {"From": "+15005550008"}, OWNERS)
    assert refusal is not None
    assert refusal.status == 429
