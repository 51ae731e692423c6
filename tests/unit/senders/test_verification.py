from __future__ import annotations

from dataclasses import replace

import pytest

from providers.protocol import (
    AccountEmpty,
    AccountNotActive,
    Kind,
    NumberType,
    ProviderUnreachable,
    VerificationFailed,
    WrongCredentials,
)
from senders.desired import DesiredSender, SelectedNumber
from senders.findings import ConfigRefused
from senders.model import Number, Originator
from senders.verification import Candidate, verify_all
from tests.support.config_samples import FakeProviders
from tests.support.sender_samples import ACCOUNT_SID, BOTH, SERVICE_SID, SMS
from trunkline_client.private import Token

OWN = DesiredSender(key="own", kind=Kind.TWILIO, name="Own", channels=SMS, account_sid=ACCOUNT_SID)
SYNIVERSE = DesiredSender(key="own", kind=Kind.SYNIVERSE, name="Own", channels=BOTH)
SERVICE = replace(OWN, kind=Kind.TWILIO_MESSAGING_SERVICE, messaging_service_sid=SERVICE_SID)


def selecting(*numbers: SelectedNumber) -> DesiredSender:
    return replace(OWN, numbers=numbers)


def with_originator(**fields: object) -> DesiredSender:
    return replace(SYNIVERSE, originators=(Originator(**fields),))  # type: ignore[arg-type]


async def verified(sender: DesiredSender, providers: FakeProviders | None = None) -> tuple[Number, ...]:
    providers = providers or FakeProviders()
    return (await verify_all([Candidate("own", sender, Token("t"))], providers.for_kind))["own"]


async def errors_of(sender: DesiredSender, providers: FakeProviders | None = None) -> dict[str, str]:
    with pytest.raises(ConfigRefused) as caught:
        await verified(sender, providers)
    return {error.field: error.problem for error in caught.value.errors}


async def test_every_number_of_the_account_is_imported_and_the_files_are_selected() -> None:
    numbers = await verified(selecting(SelectedNumber("+18335550199", ("US", "CA")), SelectedNumber("88022")))

    assert [(one.number, one.type, one.selected, one.countries) for one in numbers] == [
        ("+14155550100", NumberType.PHONE_NUMBER, False, None),
        ("+14155550101", NumberType.PHONE_NUMBER, False, None),
        ("+18335550199", NumberType.TOLL_FREE, True, ("US", "CA")),
        ("88022", NumberType.SHORT_CODE, True, None),
    ]


async def test_the_account_is_called_with_the_files_credentials() -> None:
    providers = FakeProviders()
    await verify_all([Candidate("own", SERVICE, Token("secret"))], providers.for_kind)

    (account,) = providers.asked
    assert (account.kind, account.token) == (Kind.TWILIO_MESSAGING_SERVICE, Token("secret"))
    assert (account.account_sid, account.messaging_service_sid) == (ACCOUNT_SID, SERVICE_SID)


@pytest.mark.parametrize(
    ("sender", "field", "problem"),
    [
        (selecting(SelectedNumber("+14155559999")), "own.numbers[+14155559999]", "does not have this number"),
        (selecting(SelectedNumber("+14155550100", ("US",))), "own.numbers[+14155550100]", "remove its countries"),
        (
            replace(selecting(SelectedNumber("+14155550101")), channels=BOTH),
            "own.numbers[+14155550101]",
            "supports sms only, and a sender for both sms and voice may only select numbers that support both",
        ),
        (replace(selecting(SelectedNumber("88022")), channels=BOTH), "own.numbers[88022]", "supports sms only"),
        (with_originator(id="channel:none"), "own.originators[0].id", "does not have channel:none"),
        (with_originator(id="sender_id:sms-only"), "own.originators[0].channels", "supports sms only"),
    ],
)
async def test_what_the_account_cannot_give_is_named(sender: DesiredSender, field: str, problem: str) -> None:
    errors = await errors_of(sender)

    assert list(errors) == [field]
    assert problem in errors[field]


@pytest.mark.parametrize(
    "sender",
    [
        replace(selecting(SelectedNumber("+14155550100")), channels=BOTH),
        with_originator(id="sender_id:sms-only", channels=SMS),
        with_originator(id="channel:1KJPMkuHQkair"),
        SERVICE,
        OWN,
    ],
)
async def test_what_the_account_can_give_passes(sender: DesiredSender) -> None:
    assert isinstance(await verified(sender), tuple)


@pytest.mark.parametrize(
    ("sender", "refusal", "field"),
    [
        (OWN, WrongCredentials("wrong token"), "own.auth_token"),
        (SYNIVERSE, WrongCredentials("wrong token"), "own.access_token"),
        (OWN, AccountNotActive("suspended"), "own"),
        (OWN, AccountEmpty("no numbers"), "own"),
        (OWN, ProviderUnreachable("no answer"), "own"),
    ],
)
async def test_an_account_that_refuses_gives_its_own_reason(
    sender: DesiredSender, refusal: VerificationFailed, field: str
) -> None:
    providers = FakeProviders()
    providers.twilio.refusal = providers.syniverse.refusal = refusal

    assert await errors_of(sender, providers) == {field: str(refusal)}


async def test_all_accounts_are_asked_before_any_error_is_told() -> None:
    providers = FakeProviders()
    providers.twilio.refusal = WrongCredentials("wrong token")
    wrong = [Candidate("a", OWN, Token("t")), Candidate("b", with_originator(id="channel:none"), Token("t"))]

    with pytest.raises(ConfigRefused) as caught:
        await verify_all(wrong, providers.for_kind)
    assert [error.field for error in caught.value.errors] == ["a.auth_token", "b.originators[0].id"]
