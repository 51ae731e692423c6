"""The shapes of a configuration file's parts, with the rules that one part can check for itself.

Rules that need two parts (a chain and the senders) are in `senders.config_file`; those that need the account (does
it have this number?) in `senders.verification`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic import model_validator as whole

from senders.countries import COUNTRIES
from senders.file_limits import LimitsEntry
from trunkline_client.limits import NUMBER_FORM
from trunkline_client.words import Channel, OnUnknown

_Items = TypeVar("_Items", bound=Collection[object])

MOST_TEXT: Final = 256

_SHORT_CODE: Final = re.compile(r"[0-9]{3,8}", re.ASCII)
_ORIGINATOR: Final = re.compile(r"(?:channel|sender_id):[A-Za-z0-9_-]{1,64}", re.ASCII)
_ACCOUNT_SID: Final = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_SERVICE_SID: Final = re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII)
#: a token becomes part of an HTTP header, so nothing that could end one.
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)


def _form(pattern: re.Pattern[str], problem: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(problem)
        return value

    return AfterValidator(check)


def _token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("must be the token itself: 1 to 1,024 printable ASCII characters without spaces")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be printable characters, on one line")
    return value


def _country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError("must be a valid two character country code (ISO 3166-1 alpha-2, upper case)")
    return value


def _number(value: str) -> str:
    if not (NUMBER_FORM.fullmatch(value) or _SHORT_CODE.fullmatch(value)):
        raise ValueError("must be a number in E.164 (+14155550100) or a short code of 3 to 8 digits")
    return value


def _not_empty(items: _Items) -> _Items:
    """Return a list that has an item; pydantic's own rule also counts out the items that are wrong."""
    if not items:
        raise ValueError("must not be empty")
    return items


def _once(what: str, attribute: str | None = None) -> AfterValidator:
    """Return a check that no item of a list, or no `attribute` of its items, is there twice."""

    def check(items: _Items) -> _Items:
        seen: set[object] = set()
        for item in items:
            name = getattr(item, attribute) if attribute else item
            if name in seen:
                raise ValueError(f"the {what} {name} is there twice")
            seen.add(name)
        return items

    return AfterValidator(check)


Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT), AfterValidator(_printable)]
TokenText = Annotated[SecretStr, AfterValidator(_token)]
AccountSid = Annotated[
    str, _form(_ACCOUNT_SID, "Twilio account SID must be 34 characters long: AC and 32 hexadecimal digits")
]
ServiceSid = Annotated[
    str, _form(_SERVICE_SID, "Twilio messaging service SID must be 34 characters long: MG and 32 hexadecimal digits")
]
Country = Annotated[str, AfterValidator(_country)]
Countries = Annotated[tuple[Country, ...], AfterValidator(_not_empty), _once("country")]
Channels = Annotated[frozenset[Channel], AfterValidator(_not_empty)]
#: what a number or an account can take, 0 for no limit; rates may be less than one.
Rate = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
#: the faults for which a policy decides whether the next sender is tried; for every other fault it always is.
FallbackFault = Literal["recipient", "geo", "body", "parameter", "unsubscribed"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ConsentEntry(_Part):
    """Who accepted the use of a third-party service."""

    by: Text


class NumberEntry(_Part):
    """A selected number; its type is the account's to say, but a short code shows by its form."""

    number: Annotated[str, AfterValidator(_number)]
    countries: Countries | None = None
    segments_per_second: Rate | None = None

    @field_validator("countries")
    @classmethod
    def _a_short_code_has_one(cls, countries: Countries | None, info: ValidationInfo) -> Countries | None:
        number = info.data.get("number", "+")
        if countries is not None and len(countries) > 1 and not number.startswith("+"):
            raise ValueError("a short code serves exactly one country")
        return countries


class OriginatorEntry(_Part):
    """A Syniverse originator."""

    id: Annotated[str, _form(_ORIGINATOR, "must be channel:ID or sender_id:ID")]
    countries: Countries | None = None
    channels: Channels | None = None


class SenderEntry(_Part):
    """What every kind of sender has, apart from `kind` itself."""

    name: Text
    channels: Channels
    consent: ConsentEntry | None = None
    enabled: bool = True
    concurrent_requests: Annotated[int, Field(ge=0, le=10_000)] | None = None
    calls_per_second: Rate | None = None


class TwilioAccountEntry(SenderEntry):
    """What both kinds of Twilio sender have."""

    account_sid: AccountSid
    auth_token: TokenText


class TwilioEntry(TwilioAccountEntry):
    """A Twilio account with its own numbers."""

    numbers: Annotated[tuple[NumberEntry, ...], _once("number", "number")] = ()


class MessagingServiceEntry(TwilioAccountEntry):
    """A Twilio messaging service: Twilio chooses the number."""

    messaging_service_sid: ServiceSid | None = None

    @field_validator("channels")
    @classmethod
    def _sms_only(cls, channels: Channels) -> Channels:
        if channels != {Channel.SMS}:
            raise ValueError("a messaging service carries sms only")
        return channels


class SyniverseEntry(SenderEntry):
    """A Syniverse application with its channels and sender ids."""

    access_token: TokenText
    originators: Annotated[tuple[OriginatorEntry, ...], _once("originator", "id")] = ()

    @field_validator("originators")
    @classmethod
    def _within_the_channels(
        cls, originators: tuple[OriginatorEntry, ...], info: ValidationInfo
    ) -> tuple[OriginatorEntry, ...]:
        channels = info.data.get("channels", frozenset(Channel))
        for one in originators:
            if one.channels is not None and not one.channels <= channels:
                raise ValueError(f"{one.id} lists a channel that the sender does not have")
        return originators


class ConditionEntry(_Part):
    """Where a chain applies."""

    chain: Annotated[tuple[str, ...], AfterValidator(_not_empty)]
    countries: Countries | None = None
    channels: Channels | None = None


class CountryLimitEntry(_Part):
    """Which countries a policy admits."""

    allow: Countries | None = None
    deny: Countries | None = None
    channels: Channels | None = None

    @whole(mode="after")
    def _one_list(self) -> CountryLimitEntry:
        if (self.allow is None) == (self.deny is None):
            raise ValueError("needs exactly one of allow and deny")
        return self


class PolicyEntry(LimitsEntry):
    """A policy; `fallback` changes the default answer for single faults."""

    conditions: tuple[ConditionEntry, ...] = ()
    country_limit: CountryLimitEntry | None = None
    fallback: dict[FallbackFault, bool] = Field(default_factory=dict)
    on_unknown: OnUnknown = OnUnknown.RECONCILE
