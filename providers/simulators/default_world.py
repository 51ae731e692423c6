"""The world a newcomer gets: a few made-up accounts whose SIDs and tokens are in `docs/simulators.md`."""

from __future__ import annotations

from typing import Final

from providers.simulators.world import (
    AccountStatus,
    AccountType,
    SimulatedGateway,
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

FULL_SID: Final = "AC00000000000000000000000000000001"
TRIAL_SID: Final = "AC00000000000000000000000000000002"
SUSPENDED_SID: Final = "AC00000000000000000000000000000003"
EMPTY_SID: Final = "AC00000000000000000000000000000004"
TEST_SID: Final = "AC00000000000000000000000000000005"
SERVICE_SID: Final = "MG00000000000000000000000000000001"
#: Every Twilio account of the built-in world has this token, the Syniverse account the other one.
TWILIO_TOKEN: Final = "simulated-auth-token"  # noqa: S105 - opens nothing but a simulator
SYNIVERSE_TOKEN: Final = "simulated-access-token"  # noqa: S105 - same
SYNIVERSE_NAME: Final = "syniverse-example"
GATEWAY_NAME: Final = "gateway-example"
GATEWAY_SECRET: Final = "simulated-gateway-secret"  # noqa: S105 - same

LOCAL_NUMBER: Final = "+14155550100"
TOLL_FREE_NUMBER: Final = "+18335550199"
BRITISH_NUMBER: Final = "+442071838750"
SMS_ONLY_NUMBER: Final = "+447400123456"
SHORT_CODE: Final = "88022"


def default_world() -> World:
    """Return one full account with every kind of number, four special ones, a Syniverse application and a gateway."""
    full = TwilioAccount(
        sid=FULL_SID,
        token=TWILIO_TOKEN,
        name="Example",
        numbers=(
            TwilioNumber(LOCAL_NUMBER),
            TwilioNumber(TOLL_FREE_NUMBER, kind=TwilioNumberKind.TOLL_FREE),
            TwilioNumber(BRITISH_NUMBER),
            TwilioNumber(SMS_ONLY_NUMBER, voice=False, kind=TwilioNumberKind.MOBILE),
        ),
        short_codes=(TwilioShortCode(SHORT_CODE),),
        services=(TwilioService(SERVICE_SID, "Example service", (LOCAL_NUMBER,), (SHORT_CODE,), ("Trunkline",)),),
    )
    trial_number = (TwilioNumber("+14155550101"),)
    return World(
        twilio=(
            full,
            TwilioAccount(TRIAL_SID, TWILIO_TOKEN, "Trial", type=AccountType.TRIAL, numbers=trial_number),
            TwilioAccount(SUSPENDED_SID, TWILIO_TOKEN, "Suspended", status=AccountStatus.SUSPENDED),
            TwilioAccount(EMPTY_SID, TWILIO_TOKEN, "Without numbers"),
            TwilioAccount(TEST_SID, TWILIO_TOKEN, "Test credentials", type=AccountType.TEST),
        ),
        syniverse=(_syniverse(),),
        gateways=(SimulatedGateway(GATEWAY_NAME, GATEWAY_SECRET),),
    )


def _syniverse() -> SyniverseAccount:
    return SyniverseAccount(
        name=SYNIVERSE_NAME,
        token=SYNIVERSE_TOKEN,
        channels=(
            SyniverseChannel("1KJPMkuHQkair", "Everywhere"),
            SyniverseChannel("2LKQNlviRlbjs", "North America", sender_ids=("usSender0001", "caSender0001")),
        ),
        sender_ids=(
            SyniverseSenderId("usSender0001", "+14155550180", "United States", country="US"),
            SyniverseSenderId("caSender0001", "+14165550181", "Canada", country="CA", capabilities=("SMS",)),
        ),
    )
