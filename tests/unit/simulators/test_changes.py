from __future__ import annotations

import pytest

from providers.simulators.changes import Action, ChangeRefused, changed
from providers.simulators.default_world import (
    FULL_SID,
    LOCAL_NUMBER,
    SHORT_CODE,
    SYNIVERSE_NAME,
    default_world,
)
from providers.simulators.world import AccountStatus, SuspendedAnswer, SyniverseAccount, TwilioAccount


def twilio_after(action: Action, value: str | None = None) -> TwilioAccount:
    return changed(default_world(), FULL_SID, action, value).twilio[0]


def syniverse_after(action: Action, value: str | None = None) -> SyniverseAccount:
    return changed(default_world(), SYNIVERSE_NAME, action, value).syniverse[0]


def test_a_revoked_token_leaves_the_account_without_a_valid_one() -> None:
    assert twilio_after(Action.REVOKE_TOKEN).token is None
    assert syniverse_after(Action.REVOKE_TOKEN).token is None


def test_a_released_number_leaves_the_account_and_its_services() -> None:
    account = twilio_after(Action.RELEASE_NUMBER, LOCAL_NUMBER)
    assert LOCAL_NUMBER not in {number.number for number in account.numbers}
    assert account.services[0].numbers == ()


def test_a_short_code_and_a_channel_can_be_released() -> None:
    assert twilio_after(Action.RELEASE_NUMBER, SHORT_CODE).short_codes == ()
    left = syniverse_after(Action.RELEASE_NUMBER, "channel:1KJPMkuHQkair").channels
    assert [channel.id for channel in left] == ["2LKQNlviRlbjs"]


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (Action.SUSPEND, AccountStatus.SUSPENDED),
        (Action.CLOSE, AccountStatus.CLOSED),
        (Action.ACTIVATE, AccountStatus.ACTIVE),
    ],
)
def test_an_account_changes_its_status(action: Action, status: AccountStatus) -> None:
    assert twilio_after(action).status is status


def test_a_suspension_may_choose_its_answer() -> None:
    assert twilio_after(Action.SUSPEND, "403/20005").suspended_answer is SuspendedAnswer.NOT_ACTIVE


def test_a_recipient_opts_out_and_in_again() -> None:
    world = changed(default_world(), FULL_SID, Action.OPT_OUT, "+12015550123")
    assert world.twilio[0].opted_out == ("+12015550123",)
    assert changed(world, FULL_SID, Action.OPT_IN, "+12015550123") == default_world()


def test_a_blocked_country_is_blocked_for_both_channels_until_unblocked() -> None:
    world = changed(default_world(), FULL_SID, Action.BLOCK_COUNTRY, "GB")
    blocked = world.twilio[0]
    assert (blocked.sms_blocked_countries, blocked.voice_blocked_countries) == (("GB",), ("GB",))
    assert changed(world, FULL_SID, Action.UNBLOCK_COUNTRY, "GB") == default_world()


def test_an_expired_token_is_renewed_by_a_new_one() -> None:
    world = changed(default_world(), SYNIVERSE_NAME, Action.EXPIRE_TOKEN)
    renewed = changed(world, SYNIVERSE_NAME, Action.SET_TOKEN, "fresh").syniverse[0]
    assert (world.syniverse[0].token_expired, renewed.token_expired, renewed.token) == (True, False, "fresh")


def test_credit_runs_out_and_recipients_get_rejected() -> None:
    assert syniverse_after(Action.DRAIN_CREDIT).out_of_credit
    assert syniverse_after(Action.REJECT_RECIPIENT, "+12015550123").rejected_recipients == ("+12015550123",)


@pytest.mark.parametrize(
    ("account", "action", "value", "problem"),
    [
        ("nobody", Action.CLOSE, None, "no account nobody"),
        (FULL_SID, Action.DRAIN_CREDIT, None, "not for this provider"),
        (SYNIVERSE_NAME, Action.OPT_OUT, "+12015550123", "not for this provider"),
        (FULL_SID, Action.RELEASE_NUMBER, None, 'needs a "value"'),
        (FULL_SID, Action.SUSPEND, "418", "the answer is one of 401/20003"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(account: str, action: Action, value: str | None, problem: str) -> None:
    with pytest.raises(ChangeRefused, match=problem):
        changed(default_world(), account, action, value)
