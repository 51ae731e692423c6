"""What an account that is read again changes of a sender."""

from __future__ import annotations

from providers.protocol import FoundNumber, NumberType
from senders.audit import FieldChange
from senders.refreshing import refresh
from tests.support.sender_samples import BOTH, phone, service, toll_free, twilio

ORDINARY = FoundNumber("+14155550100", NumberType.PHONE_NUMBER, BOTH)


def test_a_messaging_service_gets_no_numbers_since_twilio_picks_them() -> None:
    refreshed = refresh(service(), [ORDINARY])

    assert (refreshed.sender, refreshed.changes) == (service(), ())


def test_a_number_that_turns_out_to_be_ordinary_loses_its_countries() -> None:
    refreshed = refresh(twilio(toll_free("+14155550100", "US", "CA")), [ORDINARY])

    assert refreshed.sender.numbers == (phone("+14155550100"),)
    assert refreshed.changes == (FieldChange("numbers[+14155550100].type", "toll_free", "phone_number"),)


def test_a_number_that_is_listed_twice_is_kept_once() -> None:
    refreshed = refresh(twilio(), [ORDINARY, ORDINARY])

    assert [one.number for one in refreshed.sender.numbers] == ["+14155550100"]
