"""The accounts the simulators know: frozen data, read from and written as JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from trunkline_client.errors import FieldError, TrunklineError

_STRICT: Final = ConfigDict(extra="forbid")


class WorldInvalid(TrunklineError):
    """A world cannot be used; the text names every wrong field."""


class AccountStatus(StrEnum):
    """The statuses of a Twilio account."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountType(StrEnum):
    """Full and trial accounts, and test credentials, which accept magic numbers only and remember nothing."""

    FULL = "full"
    TRIAL = "trial"
    TEST = "test"


class SuspendedAnswer(StrEnum):
    """What an account that is not active answers; which of them Twilio uses is not documented."""

    UNAUTHORIZED = "401/20003"
    NO_PERMISSION = "403/20403"
    NOT_ACTIVE = "403/20005"


class AnonymousBody(StrEnum):
    """The body of Syniverse's 401 to a request without credentials, which is not documented."""

    JSON = "json"
    EMPTY = "empty"
    HTML = "html"


class TwilioNumberKind(StrEnum):
    """The lists of incoming numbers, as the `type` field names them."""

    LOCAL = "local"
    MOBILE = "mobile"
    TOLL_FREE = "tollfree"


@dataclass(frozen=True, slots=True, config=_STRICT)
class TwilioNumber:
    """An incoming phone number of a Twilio account, in E.164."""

    number: str
    sms: bool = True
    voice: bool = True
    kind: TwilioNumberKind = TwilioNumberKind.LOCAL


@dataclass(frozen=True, slots=True, config=_STRICT)
class TwilioShortCode:
    """A short code of a Twilio account and the one country it reaches."""

    code: str
    country: str = "US"


@dataclass(frozen=True, slots=True, config=_STRICT)
class TwilioService:
    """A messaging service and its pool; every member must belong to the account."""

    sid: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    short_codes: tuple[str, ...] = ()
    alpha_senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class TwilioAccount:
    """One Twilio account.

    Attributes:
        token: the auth token; None when no token is valid any more.
        suspended_answer: what it answers while its status is not `active`.
        readable_when_suspended: whether the account resource still answers, with its status, while not active.
        old_number_codes: answer 21606 where newer accounts answer 21659 and 21661; both are seen for the same cause.
        opted_out: recipients that said STOP (21610).
        sms_blocked_countries: countries without permission for SMS (21408).
        voice_blocked_countries: countries without permission for calls (21215).
        verified_recipients: whom a trial account may reach; None means anyone.
    """

    sid: str
    token: str | None = field(repr=False)
    name: str = ""
    type: AccountType = AccountType.FULL
    status: AccountStatus = AccountStatus.ACTIVE
    suspended_answer: SuspendedAnswer = SuspendedAnswer.UNAUTHORIZED
    readable_when_suspended: bool = True
    numbers: tuple[TwilioNumber, ...] = ()
    short_codes: tuple[TwilioShortCode, ...] = ()
    services: tuple[TwilioService, ...] = ()
    old_number_codes: bool = False
    opted_out: tuple[str, ...] = ()
    sms_blocked_countries: tuple[str, ...] = ()
    voice_blocked_countries: tuple[str, ...] = ()
    verified_recipients: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class SyniverseSenderId:
    """A sender id: an address that originates messages to one country, None meaning to all."""

    id: str
    address: str
    name: str = ""
    type_id: str = "LONGCODE"
    class_id: str = "COMMERCIAL"
    country: str | None = None
    capabilities: tuple[str, ...] = ("SMS", "VOICE")
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True, config=_STRICT)
class SyniverseChannel:
    """A channel: picks one of its sender ids by the recipient's country; without any it reaches every country."""

    id: str
    name: str = ""
    sender_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class SyniverseAccount:
    """One Syniverse application.

    Attributes:
        name: how the ledger, fault plans and the control API call it; it never appears on the wire.
        token: the access token; None when no token is valid any more.
        token_expired: answer 404/4046 to the token.
        out_of_credit: answer 402/4020 to new messages.
        rejected_recipients: their requests are answered 200 and then turn out REJECTED.
        unique_external_ids: refuse a repeated external id with 409/1011; not documented either way.
    """

    name: str
    token: str | None = field(repr=False)
    token_expired: bool = False
    out_of_credit: bool = False
    channels: tuple[SyniverseChannel, ...] = ()
    sender_ids: tuple[SyniverseSenderId, ...] = ()
    rejected_recipients: tuple[str, ...] = ()
    unique_external_ids: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class SimulatedGateway:
    """One gateway.

    Attributes:
        name: its part of the path, its user name and its client id.
        secret: its password, bearer token, header value and client secret; None when nothing is valid any more.
        token_life_s: how long its access tokens say they live.
    """

    name: str
    secret: str | None = field(repr=False)
    token_life_s: int = 3600


@dataclass(frozen=True, slots=True, config=_STRICT)
class World:
    """Every account of the providers, and how Syniverse answers a request without credentials."""

    twilio: tuple[TwilioAccount, ...] = ()
    syniverse: tuple[SyniverseAccount, ...] = ()
    gateways: tuple[SimulatedGateway, ...] = ()
    syniverse_anonymous_body: AnonymousBody = AnonymousBody.JSON

    def as_json(self) -> dict[str, Any]:
        """Return the world as plain JSON data, secrets included."""
        data: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return data


def read_world(data: Mapping[str, Any]) -> World:
    """Return the world that `data` describes.

    Raises:
        WorldInvalid: a field is unknown, missing or of a wrong type, or two accounts share a key.
    """
    try:
        world = _adapter().validate_python(data)
    except ValidationError as error:
        problems = [FieldError(".".join(map(str, found["loc"])), found["msg"]) for found in error.errors()]
        raise WorldInvalid("; ".join(map(str, problems))) from None  # pydantic's text would show tokens
    keys = [account.sid for account in world.twilio] + [account.name for account in world.syniverse]
    keys += [gateway.name for gateway in world.gateways]
    if len(set(keys)) != len(keys):
        raise WorldInvalid("two accounts have the same SID or name; give each its own")
    return world


def load_world(path: Path) -> World:
    """Return the world described by a JSON file.

    Raises:
        WorldInvalid: the file cannot be read, is no JSON, or describes no world.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldInvalid(f"the world file {path} cannot be read: {type(error).__name__}") from error
    try:
        data = _any_json().validate_json(text)
    except ValidationError:
        raise WorldInvalid(f"the world file {path} is no JSON object") from None
    return read_world(data)


@functools.cache
def _adapter() -> TypeAdapter[World]:
    return TypeAdapter(World)


@functools.cache
def _any_json() -> TypeAdapter[dict[str, Any]]:
    return TypeAdapter(dict[str, Any])
