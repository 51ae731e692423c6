"""The shapes of quotas and cooldowns in a configuration file, and the limits they mean.

Every value of a file is text, so numbers and periods are read here, each with one error that names its whole range.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, field_validator
from pydantic import model_validator as whole

from senders.model import ChannelCooldown, Cooldown, CooldownKey, Quota, QuotaScope
from trunkline_client.words import Channel

MOST_PER_DAY: Final = 1_000_000
MOST_RESENDS: Final = 10
LEAST_PERIOD_S: Final = 10
MOST_PERIOD_S: Final = 600

_PERIOD: Final = re.compile(r"([0-9]{1,4})(s|m)", re.ASCII)
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60}
_PERIODS: Final = 3


def _whole_number(least: int, most: int) -> BeforeValidator:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else 0
        if not least <= number <= most:
            raise ValueError(f"must be {least} to {most:,}")
        return number

    return BeforeValidator(read)


def _period_s(value: object) -> int:
    """Return a period like `45s` or `2m` in seconds."""
    found = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    period_s = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not LEAST_PERIOD_S <= period_s <= MOST_PERIOD_S:
        raise ValueError("must be 10s to 600s, or 1m to 10m")
    return period_s


def _exactly_three(value: object) -> object:
    if not isinstance(value, list) or len(value) != _PERIODS:
        raise ValueError(
            "must have exactly 3 periods, like [45s, 2m, 5m]: before the first resend, before the second, and before "
            "every later one"
        )
    return value


def _not_empty(channels: frozenset[Channel] | None) -> frozenset[Channel] | None:
    if channels is not None and not channels:
        raise ValueError("must not be empty")
    return channels


PerDay = Annotated[int, _whole_number(1, MOST_PER_DAY)]
Resends = Annotated[int, _whole_number(1, MOST_RESENDS)]
PeriodSeconds = Annotated[int, BeforeValidator(_period_s)]
Periods = Annotated[tuple[PeriodSeconds, PeriodSeconds, PeriodSeconds], BeforeValidator(_exactly_three)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QuotaEntry(_Part):
    """How much a day admits; `channels` share one counter."""

    per: QuotaScope
    channels: Annotated[frozenset[Channel] | None, AfterValidator(_not_empty)] = None
    total: PerDay | None = None
    used: PerDay | None = None
    unused: PerDay | None = None

    @whole(mode="after")
    def _one_form(self) -> QuotaEntry:
        if (self.used is None) != (self.unused is None):
            raise ValueError("needs both used and unused, or neither")
        if (self.total is None) == (self.used is None):
            raise ValueError("needs either total, or used and unused")
        return self

    def as_quota(self) -> Quota:
        """Return the quota it means."""
        return Quota(self.per, self.channels, self.total, self.used, self.unused)


class ChannelCooldownEntry(_Part):
    """The cooldown of one channel, or that it has none."""

    enabled: bool = True
    periods: Periods | None = None
    resend_limit: Resends | None = None

    @whole(mode="after")
    def _complete(self) -> ChannelCooldownEntry:
        if self.enabled and (self.periods is None or self.resend_limit is None):
            raise ValueError("needs periods and resend_limit, or enabled: false")
        return self

    def as_cooldown(self) -> ChannelCooldown | None:
        """Return the cooldown it means, None if it is switched off."""
        if not self.enabled or self.periods is None or self.resend_limit is None:
            return None
        return ChannelCooldown(self.periods, self.resend_limit)


class CooldownEntry(_Part):
    """A policy's cooldown; both channels must be there, so that none is forgotten."""

    by: CooldownKey = CooldownKey.ADDRESS
    sms: ChannelCooldownEntry
    voice: ChannelCooldownEntry

    def as_cooldown(self) -> Cooldown:
        """Return the cooldown it means."""
        return Cooldown(self.by, self.sms.as_cooldown(), self.voice.as_cooldown())


class LimitsEntry(_Part):
    """The limits of a policy that depend on what was sent before."""

    quotas: tuple[QuotaEntry, ...] = ()
    cooldown: CooldownEntry | None = None

    @field_validator("quotas")
    @classmethod
    def _one_for_each_scope(cls, quotas: tuple[QuotaEntry, ...]) -> tuple[QuotaEntry, ...]:
        scopes = [quota.per for quota in quotas]
        twice = next((scope for index, scope in enumerate(scopes) if scope in scopes[:index]), None)
        if twice is not None:
            raise ValueError(f"there are two quotas per {twice}; a policy has at most one of each")
        return quotas
