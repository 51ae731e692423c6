"""Whether a tenant's policy admits a job at all, before any sender is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from senders.model import CountryLimit, Policy, TenantConfig
from trunkline_client.words import Channel


class Rule(StrEnum):
    """Why a job is `rejected` by what its tenant configured."""

    #: the job names a policy its tenant does not have.
    POLICY = "policy"
    #: the policy's country limit does not admit the recipient's country.
    COUNTRY = "country"
    #: the policy's cooldown wants more time between two messages, or blocks for a while.
    COOLDOWN = "cooldown"
    #: the policy's quota of the day is used up.
    QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class Admission:
    """What a policy says about a job; `refused_by` is None when it admits it."""

    refused_by: Rule | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the job may go on."""
        return self.refused_by is None


#: the policy of a tenant that configured none: no limits, no conditions, the safe defaults.
DEFAULT_POLICY = Policy(name="default")


def find_policy(config: TenantConfig, name: str | None) -> Policy | None:
    """Return the policy a job names, the tenant's `default` one for None, or None if there is no such policy.

    A tenant that configured no `default` policy has `DEFAULT_POLICY`.
    """
    if name is None or name == DEFAULT_POLICY.name:
        return config.policies.get(DEFAULT_POLICY.name, DEFAULT_POLICY)
    return config.policies.get(name)


def all_policies(config: TenantConfig) -> tuple[Policy, ...]:
    """Return every policy of a tenant, the default one first, configured or not."""
    others = (policy for name, policy in config.policies.items() if name != DEFAULT_POLICY.name)
    return (config.policies.get(DEFAULT_POLICY.name, DEFAULT_POLICY), *others)


def check_country(policy: Policy, *, channel: Channel, country: str | None) -> Admission:
    """Return whether the policy's country limit admits a recipient in `country` (None: unknown)."""
    limit = policy.country_limit
    if limit is None or (limit.channels is not None and channel not in limit.channels):
        return Admission()
    return Admission() if _admits(limit, country) else Admission(Rule.COUNTRY)


def _admits(limit: CountryLimit, country: str | None) -> bool:
    """Return whether a country passes; an unknown one is in no list, so an allow-list refuses it."""
    if limit.allow is not None:
        return country in limit.allow
    return country not in (limit.deny or ())
