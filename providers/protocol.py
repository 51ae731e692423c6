"""What every provider can be asked, and the data that crosses this edge.

The requests carry private values in types that hide them. A provider never raises for what the other side answers:
a refusal, a silence and an acceptance are all `AttemptResult`s. `LeaseLost` is the one exception a send lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from providers.faults import Fault, Outcome, Ruling
from providers.gateway_settings import Gateway
from providers.variables import NO_VARIABLES, Variables
from trunkline_client.errors import TrunklineError
from trunkline_client.private import Body, Recipient, Token
from trunkline_client.words import Channel


class Kind(StrEnum):
    """The kinds of sender a tenant can configure."""

    TWILIO = "twilio"
    TWILIO_MESSAGING_SERVICE = "twilio_messaging_service"
    SYNIVERSE = "syniverse"
    GATEWAY = "gateway"

    @property
    def provider(self) -> str:
        """The provider's name, as fallback queues and reports use it: twilio, syniverse or gateway."""
        return self.value.split("_", 1)[0]


class NumberType(StrEnum):
    """The types of originating number."""

    PHONE_NUMBER = "phone_number"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"


class OriginType(StrEnum):
    """What a message is sent from."""

    NUMBER = "number"
    SENDER_ID = "sender_id"
    MESSAGING_SERVICE = "messaging_service"
    ORIGINATOR = "originator"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Origin:
    """The originator of one attempt.

    `value` is the number, sender ID, service SID or originator id as configured; for a gateway without numbers, which
    chooses by itself, the sender key.
    """

    type: OriginType
    value: str


@dataclass(frozen=True, slots=True)
class Account:
    """One provider account with its credentials, ready to talk.

    Attributes:
        kind: the kind of the sender.
        account_sid: the Twilio Account SID; None for other kinds.
        token: the auth token or access token.
        messaging_service_sid: the selected Twilio messaging service; None for other kinds.
        gateway: how a gateway is spoken to, its secret being the token; None for other kinds.
        numbers: the configured numbers of a gateway, which has no list of its own; empty for other kinds.
    """

    kind: Kind
    token: Token
    account_sid: str | None = None
    messaging_service_sid: str | None = None
    gateway: Gateway | None = None
    numbers: tuple[FoundNumber, ...] = ()


class LeaseLost(TrunklineError):
    """The worker no longer holds the job's lease, so nothing was sent."""


#: Called as late as possible before the first byte of a create request leaves; raises `LeaseLost` to stop it.
BeforeFirstByte = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRequest:
    """One SMS to send.

    Attributes:
        attempt_id: our id of this attempt, unique in the installation.
        validity_s: how long the provider may try to deliver, in seconds, 5 to 36,000.
        expires_at_ms: the same as a moment of Redis time, in ms since 1970; this process's clock may be wrong.
        deadline_s: how long the whole call may take, in seconds.
        sender_id: the alphanumeric sender the job asked for, whatever `origin` was chosen; it is only used to report
            in `not_honoured` that the message left from something else.
        variables: what the job brings for templates.
        before_first_byte: the lease check.
    """

    attempt_id: str
    to: Recipient
    body: Body
    origin: Origin
    validity_s: int
    expires_at_ms: int
    deadline_s: float
    sender_id: str | None = None
    variables: Variables = NO_VARIABLES
    before_first_byte: BeforeFirstByte = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceRequest:
    """One voice call to place.

    Attributes:
        attempt_id: our id of this attempt, unique in the installation.
        body: the text to speak, with Trunkline's voice markup.
        locale: the wanted language, for example `en-GB`; None for the provider's default.
        voice: the wanted voice as the job names it; None for the provider's default.
        ring_timeout_s: how long it may ring, in seconds.
        validity_s: how long the provider may try to place the call, in seconds.
        expires_at_ms: the same as a moment of Redis time, in ms since 1970.
        deadline_s: how long the whole HTTP call may take, in seconds.
        variables: what the job brings for templates.
        before_first_byte: the lease check.
    """

    attempt_id: str
    to: Recipient
    body: Body
    origin: Origin
    locale: str | None
    voice: str | None
    ring_timeout_s: int
    validity_s: int
    expires_at_ms: int
    deadline_s: float
    variables: Variables = NO_VARIABLES
    before_first_byte: BeforeFirstByte = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How one call to a provider ended.

    Attributes:
        outcome: accepted, refused, or unknown.
        provider_id: the provider's id of the message or call; set exactly when accepted.
        ruling: why it was refused and what is allowed next; set exactly when refused.
        code: the provider's own code ("21610", "4046"), else a name of ours ("connect_failed", "read_timeout",
            "http_500"); None when accepted.
        http_status: the status of the answer, None without one.
        retry_after_s: what a `Retry-After` header asked for, in seconds.
        request_id: the provider's id of the HTTP exchange, for its support desk.
        not_honoured: which wishes of the job this provider could not meet: "locale", "voice", "sender_id".
    """

    outcome: Outcome
    provider_id: str | None = None
    ruling: Ruling | None = None
    code: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    not_honoured: tuple[str, ...] = ()

    @property
    def fault(self) -> Fault | None:
        """The fault of a refusal, else None."""
        return self.ruling.fault if self.ruling else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRequest:
    """A question about an attempt whose outcome is unknown.

    Attributes:
        attempt_id: our id of the attempt.
        body: the text that was sent; calls are matched without it.
        origin: what it was sent from.
        not_before: the attempt's start minus the allowed clock skew; older messages are no match.
        deadline_s: how long the lookup may take, in seconds.
    """

    attempt_id: str
    channel: Channel
    to: Recipient
    body: Body
    origin: Origin
    not_before: datetime
    deadline_s: float


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """What the provider says about an unknown attempt.

    Attributes:
        good: whether the provider gave a whole, readable answer; only good answers count towards "absent".
        candidates: ids of messages that match, oldest first; empty in a good answer means absent so far.
        can_ask: False where this kind of provider can never be asked.
        names_attempt: whether the provider named the attempt, so that no candidate can be another's message.
    """

    good: bool
    candidates: tuple[str, ...] = ()
    can_ask: bool = True
    names_attempt: bool = False


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A number (or, for Syniverse, an originator) as the account reports it."""

    number: str
    type: NumberType
    capabilities: frozenset[Channel]


@dataclass(frozen=True, slots=True)
class FoundService:
    """A Twilio messaging service of an account."""

    sid: str
    name: str


@dataclass(frozen=True, slots=True)
class VerifiedAccount:
    """An account that answered and may send.

    Attributes:
        name: the account's own friendly name, "" if it has none.
        numbers: every number found, all pages, in the provider's order; for Syniverse, its channels and sender ids,
            with the value in the form the wire uses (`channel:...`, `sender_id:...`).
        services: the account's messaging services, if its kind of sender chooses one.
    """

    name: str
    numbers: tuple[FoundNumber, ...]
    services: tuple[FoundService, ...] = ()


class VerificationFailed(TrunklineError):
    """Verification could not pass; the subclasses say why."""


class WrongCredentials(VerificationFailed):
    """The account refused the credentials."""


class AccountNotActive(VerificationFailed):
    """The account exists but is suspended or closed."""


class AccountEmpty(VerificationFailed):
    """The account is active but has no numbers."""


class MessagingServiceMissing(VerificationFailed):
    """The account is active but has no messaging service of this SID."""


class HostNotAllowed(VerificationFailed):
    """The account's address leads to a host that must not be reached."""


class ProviderUnreachable(VerificationFailed):
    """The provider gave no usable answer, so nothing is known about the account."""


class Provider(Protocol):
    """One way to talk to one kind of account; implementations hold no per-tenant state and no lock on one loop."""

    async def send_sms(self, account: Account, request: SmsRequest) -> AttemptResult:
        """Send one SMS; never raises but `LeaseLost`."""

    async def place_call(self, account: Account, request: VoiceRequest) -> AttemptResult:
        """Place one voice call that speaks the body; never raises but `LeaseLost`."""

    async def look_up(self, account: Account, request: LookupRequest) -> LookupAnswer:
        """Ask whether an attempt of unknown outcome reached the provider; never raises."""

    async def verify(self, account: Account) -> VerifiedAccount:
        """Check the credentials and list every number; raises a `VerificationFailed`."""
