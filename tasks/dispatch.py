"""One pass over a job: claim it, apply its tenant's rules, and try the sender whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from providers.faults import Fault
from senders.countries import country_of
from senders.limits import Digester, limits_of
from senders.model import TenantConfig
from senders.policy import DEFAULT_POLICY, check_country, find_policy
from senders.routing import UnknownPolicy, route
from senders.secrets import SecretUnreadable
from tasks import moves
from tasks.contract import Job
from tasks.finishing import finish_claim
from tasks.in_hand import InHand
from tasks.journal import Left
from tasks.lease import GivenBack, Hold
from tasks.moves import Move
from tasks.originate import originate
from tasks.read_job import read_job
from tasks.reconcile import reconcile
from tasks.report import Report
from tasks.services import Services
from trunkline_client.errors import JobInvalid
from trunkline_client.words import JobState

CONTRACT_RULE = "contract"
_ENDED_BADLY: Final = {JobState.FAILED, JobState.REJECTED, JobState.EXPIRED}

_log = structlog.get_logger("trunkline.dispatch")


async def dispatch(services: Services, job_id: str, hop: str) -> Report:
    """Do what a nudge asks for: claim the job and carry it one pass further.

    Args:
        hop: the hop of the nudge, "" for a nudge that names none; one that is not the job's latest is left.

    Returns:
        How the pass ended. A repeated or late nudge is left without effect.

    Raises:
        GivenBack: this worker stops and takes no job any more.
    """
    if services.leases.is_closed:
        raise GivenBack("this worker stops")
    asked_at = services.monotonic()
    owner = f"{services.settings.worker}:{services.new_token()}"
    claimed = await services.journal.claim(job_id, hop, owner)
    if isinstance(claimed, Left):
        return Report(f"left {claimed.why}")
    record = claimed.record
    services.measures.job_claimed(record.queue, record.lane, (claimed.now_ms - record.ready_ms) / 1000)
    with (
        services.tracer.dispatch(claimed, hop) as span,
        bound_contextvars(tenant=record.tenant, job=job_id, trace=span.trace_id),
        services.leases.holding(claimed, asked_at) as hold,
    ):
        report = await _carry(services, hold)
        state = report.state.value if report.state else None
        span.ended(error=report.fault or (state if report.state in _ENDED_BADLY else None), state=state)
        return report


async def dispatch_many(services: Services, job_ids: Sequence[str], hops: Sequence[str]) -> list[Report]:
    """Do what a nudge of several jobs asks for, side by side; returns how the pass over each ended.

    What goes wrong with one of them stops none of the others.

    Raises:
        GivenBack: this worker stopped before it was done with all of them.
        Exception: the first that a job ran into, after all had their pass; its lease will run out.
    """
    passes = (dispatch(services, job_id, hop) for job_id, hop in zip(job_ids, hops, strict=True))
    results = await asyncio.gather(*passes, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        # The message is put back for those that were given back; it is not to be lost to the slip of another.
        raise next((error for error in errors if isinstance(error, GivenBack)), errors[0])
    return [result for result in results if isinstance(result, Report)]


async def _carry(services: Services, hold: Hold) -> Report:
    record = hold.claimed.record
    # A job whose last outcome is unknown is looked up to the end of patience, also after its life.
    if record.expires_ms <= hold.claimed.now_ms and record.reconciling is None:
        return await finish_claim(services, hold.claimed, moves.expired(), "expired")
    try:
        job = read_job(record, services.content)
    except JobInvalid as invalid:
        _log.warning("job.rejected", rule=CONTRACT_RULE, fields=[error.field for error in invalid.errors])
        return await _end_early(services, hold, moves.rejected(CONTRACT_RULE))
    except SecretUnreadable as error:
        _log.error("content.unreadable", error=str(error))
        return await _end_early(services, hold, moves.held())
    config = await services.configurations.get(record.tenant, hold.claimed.config_version)
    ruled = _apply_rules(hold, job, config, services.digester)
    if isinstance(ruled, Move):
        country = country_of(job.to.reveal())
        return await _end_early(services, hold, ruled.with_fields(country=country) if country else ruled)
    if record.reconciling is not None:
        return await reconcile(services, ruled, record.reconciling)
    return await originate(services, ruled)


async def _end_early(services: Services, hold: Hold, move: Move) -> Report:
    """End or hold a job without a pass at a sender; one that is being looked up may have been sent."""
    if hold.claimed.record.reconciling is not None:
        move = move.with_fields(maybe_sent="1")
    return await finish_claim(services, hold.claimed, move, " ".join(filter(None, (move.kind, move.rule, move.fault))))


def _apply_rules(hold: Hold, job: Job, config: TenantConfig | None, digester: Digester) -> InHand | Move:
    """Return the job ready to originate, or the move that ends it; a chain once resolved is kept.

    Cooldown and quotas are handed on: what counts a job also checks them, in the script that records its first attempt.
    """
    record = hold.claimed.record
    if config is None:
        return moves.failed(Fault.NO_CHAIN)
    country = country_of(job.to.reveal())
    if record.chain or record.reconciling is not None:
        # What is looked up before a replay has no chain yet: that is resolved when it begins anew.
        policy = find_policy(config, job.policy) or DEFAULT_POLICY
        return InHand(
            hold=hold, job=job, config=config, policy=policy, country=country, chain=record.chain, is_new_chain=False
        )
    chosen = route(config, policy_name=job.policy, channel=job.channel, country=country)
    if isinstance(chosen, UnknownPolicy):
        return moves.rejected(chosen.rule.value)
    admission = check_country(chosen.policy, channel=job.channel, country=country)
    if admission.refused_by is not None:
        return moves.rejected(admission.refused_by.value)
    limits = ""
    if not record.is_past_limits:
        limits = limits_of(
            chosen.policy, tenant=config.tenant, channel=job.channel, to=job.to, user=job.user, digester=digester
        )
    return InHand(
        hold=hold,
        job=job,
        config=config,
        policy=chosen.policy,
        country=country,
        chain=(record.via,) if record.via else chosen.chain,
        is_new_chain=True,
        limits=limits,
    )
