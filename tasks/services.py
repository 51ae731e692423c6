"""What the work on a job needs from outside, gathered once by the composition root and passed down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from providers.protocol import Account, Kind, Provider
from senders.limits import Digester
from senders.model import Sender, TenantConfig
from senders.pacing import UNPACED, Pacing
from senders.shortlist import Shortlist
from tasks.calls_under_way import CallsUnderWay
from tasks.journal import Journal
from tasks.lease import LeaseKeeper
from tasks.measures import NO_MEASURES, Measures
from tasks.record import JobRecord
from tasks.tracing import NO_TRACER, Tracer
from trunkline_client.private import Body, Private
from trunkline_client.words import Channel


class Configurations(Protocol):
    """Where configurations and opened credentials come from."""

    async def get(self, tenant: str, version: int) -> TenantConfig | None:
        """Return the tenant's configuration at `version` or newer, None if there is none."""

    def account(self, config: TenantConfig, sender: Sender) -> Account:
        """Return the sender's account with its credentials opened."""

    async def shortlist(self, config: TenantConfig, sender: Sender, channel: Channel) -> Shortlist:
        """Return what the sender can send from over a channel."""


class ContentBox(Protocol):
    """Seals job content at rest; the job's id is bound into the sealed form."""

    def seal_content(self, job_id: str, text: Private) -> str:
        """Return the sealed form of clear content, with its scheme prefix."""

    def open_content(self, job_id: str, content: str) -> Private:
        """Return the clear form of sealed content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """The numbers of the dispatch flow, from the process's settings.

    Attributes:
        worker: this process's name, unique among workers.
        urgent_deadline_s: the whole of one attempt for an urgent job, in seconds.
        deadline_s: the same for the other lanes.
        other_numbers: how many other numbers to try after a number was refused.
        keep_content: whether a sent job keeps its content.
        pacing: what accounts and numbers can take.
    """

    worker: str
    urgent_deadline_s: float = 8.0
    deadline_s: float = 15.0
    other_numbers: int = 2
    keep_content: bool = False
    pacing: Pacing = UNPACED


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the flow talks to.

    Attributes:
        digester: names whom quotas and cooldowns count.
        monotonic: the local monotonic clock, in seconds.
        random: a random number of [0, 1).
        new_token: a fresh token for every claim.
        sleep: waits for a number of seconds.
        measures: told what happens.
        tracer: keeps spans of what is done.
        calls: counts the jobs that wait for a provider.
    """

    journal: Journal
    configurations: Configurations
    content: ContentBox
    provider: Callable[[Kind], Provider]
    leases: LeaseKeeper
    digester: Digester
    settings: DispatchSettings
    monotonic: Callable[[], float]
    random: Callable[[], float]
    new_token: Callable[[], str]
    sleep: Callable[[float], Awaitable[None]]
    measures: Measures = NO_MEASURES
    tracer: Tracer = NO_TRACER
    calls: CallsUnderWay = field(default_factory=CallsUnderWay)

    def seal(self, record: JobRecord) -> str:
        """Return the sealed form of a record's clear content."""
        return self.content.seal_content(record.id, Body(record.content))
