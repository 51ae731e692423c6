"""The sample configuration, the simulated accounts behind it, and what happens to them after it was applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import yaml

from providers.simulators.changes import Action
from providers.simulators.world import (
    SuspendedAnswer,
    SyniverseAccount,
    SyniverseChannel,
    SyniverseSenderId,
    TwilioAccount,
    TwilioNumber,
    TwilioNumberKind,
    TwilioService,
    TwilioShortCode,
    World,
)

#: The file that is applied; comments and all.
TENANTS_YAML: Final = (files("worker.demo") / "tenants.yaml").read_text("utf-8")

ACME: Final = "AC" + "ac0e".rjust(32, "0")
GLOBEX: Final = "AC" + "910be0".rjust(32, "0")
GLOBEX_PROMO: Final = "AC" + "910be1".rjust(32, "0")
GLOBEX_EVENTS: Final = "AC" + "910be2".rjust(32, "0")
INITECH: Final = "AC" + "1417ec".rjust(32, "0")
INITECH_SERVICE: Final = "MG" + "1417ec".rjust(32, "0")

#: The variables of the file that hold tokens, each with a token of its own.
TOKEN_VARIABLES: Final = (
    "ACME_TWILIO_TOKEN",
    "ACME_SYNIVERSE_TOKEN",
    "GLOBEX_TWILIO_TOKEN",
    "GLOBEX_PROMO_TOKEN",
    "GLOBEX_EVENTS_TOKEN",
    "GLOBEX_SYNIVERSE_TOKEN",
    "INITECH_TWILIO_TOKEN",
    "INITECH_SYNIVERSE_TOKEN",
)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """Something that happens to an account at its provider; Trunkline is not told."""

    account: str
    action: Action
    value: str | None = None


AFTER_APPLY: Final = (
    AccountChange(GLOBEX, Action.RELEASE_NUMBER, "+33199000199"),
    AccountChange(GLOBEX_PROMO, Action.REVOKE_TOKEN),
    AccountChange(GLOBEX_EVENTS, Action.SUSPEND, SuspendedAnswer.NOT_ACTIVE),
)


def accounts() -> Mapping[str, str]:
    """Return the account behind every sender key of the file: its SID, else, as the journal has it, the key."""
    tenants: dict[str, Any] = yaml.safe_load(TENANTS_YAML)["tenants"]
    return {
        key: sender.get("account_sid", key) for tenant in tenants.values() for key, sender in tenant["senders"].items()
    }


def simulated_world(tokens: Mapping[str, str]) -> World:
    """Return the accounts as the providers have them when the file is applied.

    Args:
        tokens: the token of each of `TOKEN_VARIABLES`.
    """
    acme = TwilioAccount(
        ACME,
        tokens["ACME_TWILIO_TOKEN"],
        "Acme",
        numbers=(TwilioNumber("+14155550100"), TwilioNumber("+18335550199", kind=TwilioNumberKind.TOLL_FREE)),
        short_codes=(TwilioShortCode("88022"),),
        sms_blocked_countries=("IN",),
    )
    initech = TwilioAccount(
        INITECH,
        tokens["INITECH_TWILIO_TOKEN"],
        "Initech",
        numbers=(TwilioNumber("+18445550142", kind=TwilioNumberKind.TOLL_FREE), TwilioNumber("+442071838761")),
        short_codes=(TwilioShortCode("60777", "GB"),),
        services=(TwilioService(INITECH_SERVICE, "Initech service", numbers=("+442071838761",)),),
    )
    return World(twilio=(acme, *_globex(tokens), initech), syniverse=_syniverse(tokens))


def _globex(tokens: Mapping[str, str]) -> tuple[TwilioAccount, ...]:
    numbers = (TwilioNumber("+442071838750"), TwilioNumber("+33199000199"))
    promo, events = (TwilioNumber("+14155550131"),), (TwilioNumber("+14155550132"),)
    return (
        TwilioAccount(GLOBEX, tokens["GLOBEX_TWILIO_TOKEN"], "Globex", numbers=numbers),
        TwilioAccount(GLOBEX_PROMO, tokens["GLOBEX_PROMO_TOKEN"], "Globex promotions", numbers=promo),
        TwilioAccount(GLOBEX_EVENTS, tokens["GLOBEX_EVENTS_TOKEN"], "Globex events", numbers=events),
    )


def _syniverse(tokens: Mapping[str, str]) -> tuple[SyniverseAccount, ...]:
    """Each is called by the key of its sender, since the journal has no other name for the account charged."""
    return (
        SyniverseAccount(
            "acme-syniverse",
            tokens["ACME_SYNIVERSE_TOKEN"],
            channels=(SyniverseChannel("1KJPMkuHQkair"), SyniverseChannel("2LKQNlviRlbjs")),
        ),
        SyniverseAccount(
            "globex-syniverse", tokens["GLOBEX_SYNIVERSE_TOKEN"], channels=(SyniverseChannel("3MLRPmvjSmckt"),)
        ),
        SyniverseAccount(
            "initech-syniverse",
            tokens["INITECH_SYNIVERSE_TOKEN"],
            sender_ids=(SyniverseSenderId("initechSender01", "+442071838762"),),
        ),
    )
