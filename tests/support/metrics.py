"""Every series of our own, with a sample of each, so that its labels can be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from prometheus_client import Metric

from providers.faults import Fault
from tasks.backlog import LANES, Backlog, GateWait, LaneBacklog, TenantWait
from tasks.measures import LookupResult, Loop, Measures
from tests.support.flow import ACCEPTED, UNKNOWN, refused
from trunkline_client.words import Channel, JobState, Lane
from worker.exporter import BacklogGauges, Reading
from worker.heartbeats import Heartbeats
from worker.metrics import PrometheusMeasures
from worker.process_gauges import ProcessGauges

#: what the samples of a histogram have besides its labels.
_BUCKET: Final = "le"


def tell_everything(measures: Measures) -> None:
    """Let one of everything happen; more of what has bounds."""
    measures.job_claimed("dispatch.urgent", Lane.URGENT, 0.2)
    measures.attempt_ended("twilio", Channel.SMS, refused(Fault.AUTH), 0.1)
    measures.attempt_ended("twilio", Channel.SMS, UNKNOWN, 8.0)
    measures.attempt_ended("syniverse", Channel.SMS, ACCEPTED, 0.1)
    measures.told_to_wait("twilio", Channel.VOICE, 1.5)
    measures.looked_up("twilio", LookupResult.CONTESTED)
    for tenant in ("acme", "acme", "globex", "initech"):
        measures.job_sent(tenant, Lane.URGENT, "syniverse", by_fallback=True, since_wanted_s=2.5)
    measures.job_sent("acme", Lane.URGENT, "twilio", by_fallback=False, since_wanted_s=None)
    measures.job_ended(JobState.REJECTED, "quota", None)
    measures.job_ended(JobState.FAILED, None, Fault.GEO)
    measures.jobs_put_back({"renudged": 3, "orphaned": 0})
    measures.loop_turned(Loop.SWEEPER, answered=True)


def backlog() -> Backlog:
    """Return a backlog with something in every part of it."""
    minute = timedelta(minutes=1)
    lanes = [LaneBacklog(queue=queue, lane=lane, in_lane=0, waiting=0, oldest_age=None) for queue, lane in LANES]
    lanes[0] = replace(lanes[0], in_lane=3, waiting=4, oldest_age=minute)
    return Backlog(
        lanes=tuple(lanes),
        delayed=5,
        overdue=1,
        in_hand=6,
        held=7,
        dead=8,
        damaged=9,
        waiting_tenants=2,
        at_gates=10,
        fullest_gates=(GateWait(gate="requests:AC1", jobs=10),),
        longest_waiting=(TenantWait(tenant="acme", jobs=4, oldest_age=minute),),
    )


def families() -> list[Metric]:
    """Return every family of a worker or the exporter whose name begins with ours."""
    heartbeats = Heartbeats(lambda: 0.0)
    measures = PrometheusMeasures(heartbeats, tenants=1)
    measures.registry.register(ProcessGauges(heartbeats, slots=1, in_hand=lambda: 0, is_ready=lambda: True))
    tell_everything(measures)
    found = [*measures.registry.collect(), *BacklogGauges(lambda: Reading(backlog(), 0.1, 0.0)).collect()]
    return [family for family in found if family.name.startswith("trunkline_")]


def labels_of(family: Metric) -> list[str]:
    """Return the names of a family's labels, in their order."""
    return [label for label in family.samples[0].labels if label != _BUCKET]
