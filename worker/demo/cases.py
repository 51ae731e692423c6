"""The cases of the demo: every job, what goes wrong on its way, and how it must end. Every recipient is its own."""

from __future__ import annotations

from typing import Final

from providers.faults import Fault
from providers.simulators.faults import Delay, FaultKind, FaultPlan
from senders.policy import Rule
from tasks.dispatch import CONTRACT_RULE
from trunkline_client.words import JobState
from worker.demo.sample import ACME, GLOBEX, INITECH_SERVICE
from worker.demo.scenario import Expected, OptOut, Scenario, Way, call, failed, rejected, sent, sms


def _answers(status: int, code: int | str | None = None, *, provider: str, times: int | None = None) -> FaultPlan:
    """Return the plan of a provider that refuses the recipient's messages with these words."""
    return FaultPlan(kind=FaultKind.ANSWER, provider=provider, method="POST", status=status, code=code, times=times)


def _accepts_then(kind: FaultKind, status: int = 500) -> FaultPlan:
    """Return the plan of a provider that takes one message and then loses its answer."""
    return FaultPlan(kind=kind, accept_first=True, method="POST", status=status, times=1)


_HANGS: Final = FaultPlan(kind=FaultKind.HANG, provider="twilio", method="POST")
_LISTS_LATE: Final = FaultPlan(kind=FaultKind.LATE_LISTING, method="POST", delay=Delay(2.0))

_ACME: Final = (
    Scenario(
        name="short code first",
        job=sms("acme", "+12015550101", priority="urgent"),
        expected=sent("acme-twilio", number="88022"),
    ),
    Scenario(
        name="toll-free for Canada",
        job=sms("acme", "+14165550102"),
        expected=sent("acme-twilio", number="+18335550199"),
    ),
    Scenario(
        name="ordinary number for Jamaica",
        job=sms("acme", "+18765550103"),
        expected=sent("acme-twilio", number="+14155550100"),
    ),
    Scenario(
        name="number of no country",
        job=sms("acme", "+80012345678"),
        expected=sent("acme-twilio", number="+14155550100"),
    ),
    Scenario(
        name="sender ID not allowed",
        job=sms("acme", "+12015550104", sender_id="Acme"),
        expected=sent("acme-twilio", number="88022"),
    ),
    Scenario(
        name="Britain by policy",
        job=sms("acme", "+447400123401"),
        expected=sent("acme-syniverse", number="channel:1KJPMkuHQkair"),
    ),
    Scenario(
        name="passcode by voice",
        job=call("acme", "+12015550105", locale="en-US", priority="urgent"),
        expected=sent("acme-voice", number="+14155550100"),
    ),
    Scenario(
        name="country not enabled",
        job=sms("acme", "+919812345601"),
        expected=sent("acme-twilio: geo", "acme-syniverse", number="channel:2LKQNlviRlbjs"),
    ),
    Scenario(
        name="landline",
        job=sms("acme", "+12015550106"),
        troubles=(_answers(400, 21614, provider="twilio"),),
        expected=sent("acme-twilio: recipient", "acme-syniverse", number="channel:1KJPMkuHQkair"),
    ),
    Scenario(
        name="recipient opted out",
        job=sms("acme", "+12015550107"),
        troubles=(OptOut(ACME),),
        expected=failed(Fault.UNSUBSCRIBED, "acme-twilio: unsubscribed"),
    ),
    Scenario(
        name="told to come later",
        job=sms("acme", "+14165550108"),
        troubles=(_answers(429, 20429, provider="twilio", times=2),),
        expected=sent("acme-twilio: throttled", "acme-twilio: throttled", "acme-twilio", number="+18335550199"),
    ),
    Scenario(
        name="daily limit reached",
        job=sms("acme", "+12015550109"),
        troubles=(_answers(429, 63038, provider="twilio"),),
        expected=sent("acme-twilio: throttled", "acme-syniverse", number="channel:1KJPMkuHQkair"),
    ),
    Scenario(
        name="hanging provider",
        job=sms("acme", "+12015550110", priority="urgent"),
        troubles=(_HANGS,),
        expected=sent("acme-twilio: unknown", "acme-syniverse", number="channel:1KJPMkuHQkair"),
    ),
    Scenario(
        name="answer lost",
        job=sms("acme", "+12015550111", priority="urgent"),
        troubles=(_accepts_then(FaultKind.RESET),),
        expected=sent("acme-twilio", number="88022", answer_lost=True),
    ),
    Scenario(
        name="answer lost and listed late",
        job=sms("acme", "+12015550112", priority="urgent"),
        troubles=(_accepts_then(FaultKind.RESET), _LISTS_LATE),
        expected=sent("acme-twilio", number="88022", answer_lost=True),
    ),
    Scenario(
        name="answer to a call lost",
        job=call("acme", "+12015550113"),
        troubles=(_accepts_then(FaultKind.CLOSE),),
        expected=sent("acme-voice", number="+14155550100", answer_lost=True),
    ),
    Scenario(
        name="country refused by policy",
        job=sms("acme", "+5351234501"),
        expected=rejected(Rule.COUNTRY),
    ),
    Scenario(
        name="raw message",
        job=sms("acme", "+12015550114", priority="urgent"),
        way=Way.RAW_MESSAGE,
        expected=sent("acme-twilio", number="88022"),
    ),
    Scenario(
        name="raw message with a bad number",
        job=sms("acme", "+441234567890123"),
        way=Way.RAW_MESSAGE,
        expected=rejected(CONTRACT_RULE),
    ),
    Scenario(
        name="enqueued twice",
        job=sms("acme", "+12015550115"),
        way=Way.CLIENT_TWICE,
        expected=sent("acme-twilio", number="88022"),
    ),
    Scenario(
        name="cancelled in time",
        job=sms("acme", "+12015550116"),
        way=Way.CLIENT_THEN_CANCEL,
        send_in_s=600,
        expected=Expected(state=JobState.CANCELLED),
    ),
    Scenario(
        name="scheduled",
        job=sms("acme", "+12015550117"),
        send_in_s=3,
        expected=sent("acme-twilio", number="88022"),
    ),
    Scenario(
        name="too little life left",
        job=sms("acme", "+12015550118", ttl=2),
        expected=Expected(state=JobState.EXPIRED),
    ),
    *(
        Scenario(
            name=f"newsletter {number}",
            job=sms("acme", f"+1201555012{number}", priority="bulk"),
            expected=sent("acme-twilio", number="88022"),
        )
        for number in (1, 2)
    ),
)

_GLOBEX: Final = (
    Scenario(
        name="sender ID for Britain",
        job=sms("globex", "+447400123402", sender_id="Globex"),
        expected=sent("globex-twilio", number="Globex"),
    ),
    Scenario(
        name="number released",
        job=sms("globex", "+33639980101"),
        expected=sent("globex-twilio: number", "globex-twilio", number="+442071838750"),
    ),
    Scenario(
        name="call from a released number",
        job=call("globex", "+33639980102", locale="fr-FR"),
        expected=sent("globex-twilio: number", "globex-twilio", number="+442071838750"),
    ),
    Scenario(
        name="token revoked",
        job=sms("globex", "+447400123403", policy="promo"),
        expected=sent("globex-promo: auth", "globex-twilio", number="+442071838750"),
    ),
    Scenario(
        name="account suspended",
        job=sms("globex", "+12015550130", policy="events"),
        expected=sent("globex-events: account", "globex-syniverse", number="channel:3MLRPmvjSmckt"),
    ),
    Scenario(
        name="opt-out overruled by policy",
        job=sms("globex", "+447400123404"),
        troubles=(OptOut(GLOBEX),),
        expected=sent("globex-twilio: unsubscribed", "globex-syniverse", number="channel:3MLRPmvjSmckt"),
    ),
    Scenario(
        name="stopped by policy",
        job=sms("globex", "+447400123405"),
        troubles=(_answers(400, 21211, provider="twilio"),),
        expected=failed(Fault.RECIPIENT, "globex-twilio: recipient"),
    ),
    Scenario(
        name="error after accepting",
        job=sms("globex", "+447400123406"),
        troubles=(_accepts_then(FaultKind.ANSWER, status=500),),
        expected=sent("globex-twilio", number="+442071838750", answer_lost=True),
    ),
    Scenario(
        name="error without accepting",
        job=sms("globex", "+447400123407", priority="urgent"),
        troubles=(_answers(503, provider="twilio"),),
        expected=sent("globex-twilio: unknown", "globex-syniverse", number="channel:3MLRPmvjSmckt"),
    ),
)

_INITECH: Final = (
    Scenario(
        name="toll-free at home",
        job=sms("initech", "+12015550140"),
        expected=sent("initech-twilio", number="+18445550142"),
    ),
    Scenario(
        name="British short code",
        job=sms("initech", "+447400123408"),
        expected=sent("initech-twilio", number="60777"),
    ),
    Scenario(
        name="no number fits",
        job=sms("initech", "+491713920001"),
        expected=sent("initech-twilio: no_number", "initech-syniverse", number="sender_id:initechSender01"),
    ),
    Scenario(
        name="no number for voice",
        job=call("initech", "+12015550141", locale="en-GB", voice="Woman"),
        expected=sent("initech-twilio: no_number", "initech-syniverse", number="sender_id:initechSender01"),
    ),
    Scenario(
        name="messaging service",
        job=sms("initech", "+33639980103", policy="service"),
        expected=sent("initech-service", number=INITECH_SERVICE),
    ),
    Scenario(
        name="nobody left",
        job=sms("initech", "+819012345601", policy="own-only"),
        expected=failed(Fault.NO_NUMBER, "initech-twilio: no_number"),
    ),
    Scenario(
        name="refused by everybody",
        job=sms("initech", "+12015550142"),
        troubles=(
            _answers(400, 21211, provider="twilio"),
            _answers(400, "SCG_ERROR_40024", provider="syniverse"),
        ),
        expected=failed(Fault.RECIPIENT, "initech-twilio: recipient", "initech-syniverse: recipient"),
    ),
    Scenario(
        name="country not on the list",
        job=sms("initech", "+5511961234501"),
        expected=rejected(Rule.COUNTRY),
    ),
    Scenario(
        name="answer of the fallback lost",
        job=sms("initech", "+491713920002", priority="urgent"),
        troubles=(_accepts_then(FaultKind.CUT_OFF),),
        expected=sent(
            "initech-twilio: no_number",
            "initech-syniverse",
            number="sender_id:initechSender01",
            answer_lost=True,
        ),
    ),
)

SCENARIOS: Final = (*_ACME, *_GLOBEX, *_INITECH)
