"""A job in hand: the claim, the validated job and the tenant's rules, together for one pass of the flow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from senders.model import Policy, TenantConfig
from tasks.contract import Job
from tasks.journal import Claimed
from tasks.lease import Hold
from tasks.record import JobRecord
from trunkline_client.words import OnUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """Everything one pass knows about its job.

    Attributes:
        country: the recipient's country, None if unknown.
        chain: the sender keys of this life of the job.
        is_new_chain: whether the chain was resolved in this pass and still has to be stored.
        limits: what has to admit and count the job before anything else, as `limits_of` returned it; "" if nothing has.
    """

    hold: Hold
    job: Job
    config: TenantConfig
    policy: Policy
    country: str | None
    chain: tuple[str, ...]
    is_new_chain: bool
    limits: str = ""

    @property
    def claimed(self) -> Claimed:
        """The claim."""
        return self.hold.claimed

    @property
    def record(self) -> JobRecord:
        """The journal record as claimed."""
        return self.hold.claimed.record

    @property
    def on_unknown(self) -> OnUnknown:
        """What to do about unknown outcomes: the job's word, else its policy's."""
        return self.job.on_unknown or self.policy.on_unknown

    def life_left(self) -> timedelta:
        """Return how long the job may still live, by Redis time."""
        return timedelta(milliseconds=self.record.expires_ms - self.hold.now_ms())
