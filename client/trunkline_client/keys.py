"""Every Redis key and queue name of Trunkline, in one place.

All our own keys begin with `tl:`; the lists and hashes of the Celery broker keep the names kombu gives them. Times in
scores and fields are milliseconds of Redis TIME since 1970. The Lua scripts build the same names from the same
parts; `tests/integration` holds the two together.
"""

from __future__ import annotations

from typing import Final

from trunkline_client.words import JobState, Lane

PREFIX: Final = "tl:"

#: hash: `lane_window` (jobs), `head_starts` (jobs), times of keeping (ms), `events`, `audit_events`; absent fields mean
#: the defaults, which are in `base.lua`, and in `senders.store` for the last.
TUNING: Final = "tl:tuning"
#: sorted set of job ids by due time: schedules, retries, lookups.
DELAYED: Final = "tl:delayed"
#: sorted set of claimed job ids by the end of their lease.
LEASES: Final = "tl:leases"
#: sorted set of all job ids, by creation.
JOBS: Final = "tl:jobs"
#: sorted set of the ids of jobs that have not ended, by creation.
UNFINISHED: Final = "tl:unfinished"
#: sorted set of job ids in state `failed`, by creation: the dead-letter view.
DEAD: Final = "tl:ended:failed"
#: sorted set of "{reference} LF {created in ms, 13 digits} LF {id}" of the jobs that have one; all scores are 0.
REFERENCES: Final = "tl:references"
#: stream of what became of jobs, oldest first; `docs/events.md` has its fields.
EVENTS: Final = "tl:events"
#: sorted set of job ids in state `held`, by the time they were held.
HELD: Final = "tl:held"
#: sorted set of ids whose records could not be worked with, by time.
DAMAGED: Final = "tl:damaged"
#: sorted set of the names of gates where somebody waits, by when to look at them again.
GATES_DUE: Final = "tl:gates_due"
#: set of the keys of all waiting sets that are not empty.
WAITERS: Final = "tl:waiters"
#: sorted set of "{id} {tenant}" of ended jobs, with a line feed and the member of `REFERENCES` if there is one, by the
#: end of their record: what the forgetter forgets.
FORGET: Final = "tl:forget"
#: set of tenant names that have a record of a job.
JOB_TENANTS: Final = "tl:job_tenants"
#: stream of what administrators did, oldest first: one field `event` (JSON) per entry, see `senders.audit`.
AUDIT: Final = "tl:audit"
#: sorted set of deleted senders whose secret is kept, by the time of their deletion, or since when they are in use.
RETIRED: Final = "tl:retired"
#: sorted set of the ids of replay runs, by their last progress.
REPLAYS: Final = "tl:replays"
#: set of tenant names with a configuration.
TENANTS: Final = "tl:tenants"
#: string: the sealed key of the digests that name whom a counter counts.
COUNTER_KEY: Final = "tl:counter_key"

MAINTENANCE_QUEUE: Final = "maintenance"
#: what kombu puts between a queue's name and a priority step in the name of a list.
PRIORITY_SEPARATOR: Final = "\x06\x16"

FALLBACK_PROVIDERS: Final = ("syniverse", "twilio", "gateway")


def job(job_id: str) -> str:
    """Return the key of the journal record (a hash) of one job."""
    return f"tl:job:{job_id}"


def config(tenant: str) -> str:
    """Return the key of a tenant's configuration: a hash with `version` (integer) and `document` (JSON)."""
    return f"tl:config:{tenant}"


def config_answer(token: str) -> str:
    """Return the key of the answer that one replacement of configurations got, kept for a day."""
    return f"tl:config-answer:{token}"


def retired_sender(tenant: str, sender: str, account: str) -> str:
    """Return the member of `RETIRED` for one deleted sender; none of the three holds a space."""
    return f"{tenant} {sender} {account}"


def replay(run: str) -> str:
    """Return the key of what one replay run has to do and has done (a hash)."""
    return f"tl:replay:{run}"


def replay_ids(run: str) -> str:
    """Return the key of the list of the job ids that a replay run was given; one by filter has none."""
    return f"tl:replay:{run}:ids"


def replayed(run: str) -> str:
    """Return the key of the list of the job ids that a replay run has requeued."""
    return f"tl:replayed:{run}"


def unsettled(tenant: str) -> str:
    """Return the key of the set of a tenant's unfinished jobs that have had an attempt of unknown outcome."""
    return f"tl:unsettled:{tenant}"


def window(queue: str, lane: Lane, tenant: str) -> str:
    """Return the key of the set of a tenant's unclaimed job ids in one lane."""
    return f"tl:window:{queue}:{lane}:{tenant}"


def waiting(queue: str, lane: Lane, tenant: str) -> str:
    """Return the key of the sorted set of a tenant's job ids that wait for room in one lane, by arrival."""
    return f"tl:waiting:{queue}:{lane}:{tenant}"


def parts_of_waiting(key: str) -> tuple[str, str, str]:
    """Return queue, lane and tenant of a key that `waiting` returned."""
    _, _, queue, lane, tenant = key.split(":", 4)
    return queue, lane, tenant


def gate(name: str, what: str) -> str:
    """Return the key of one thing that is kept of a gate; `gates.lua` tells what there is, and how gates are named."""
    return f"tl:gate:{name}:{what}"


def placed(queue: str, lane: Lane) -> str:
    """Return the key of the sorted set of unclaimed job ids of one lane, by the time their nudge was written."""
    return f"tl:placed:{queue}:{lane}"


def front(queue: str, lane: Lane) -> str:
    """Return the key of the same for nudges that were written to the serving end of the lane."""
    return f"tl:front:{queue}:{lane}"


def jobs(tenant: str) -> str:
    """Return the key of the sorted set of all of a tenant's job ids, by creation."""
    return f"tl:jobs:{tenant}"


def ended(state: JobState) -> str:
    """Return the key of the sorted set of job ids that ended in `state`, by creation; `sent` has none."""
    return f"tl:ended:{state}"


def head_credit(queue: str, lane: Lane) -> str:
    """Return the key of the number of head starts a lane may still give."""
    return f"tl:head:{queue}:{lane}"


def bell(queue: str) -> str:
    """Return the key of the list on which idle workers wait for word of a queue: one element at most."""
    return f"tl:bell:{queue}"


def provider_message(account: str, provider_id: str) -> str:
    """Return the key that binds one provider message to the attempt it settled."""
    return f"tl:bound:{account}:{provider_id}"


def calling(digest: str) -> str:
    """Return the key of the set of open attempts that send the same text to the same recipient over one account."""
    return f"tl:calling:{digest}"


def quota(tenant: str, subject: str) -> str:
    """Return the key of the hash of a subject's daily counters under all policies; `subject` is a digest or `all`."""
    return f"tl:quota:{tenant}:{subject}"


def cooldown(tenant: str, subject: str) -> str:
    """Return the key of the sorted set of job ids of a subject's recent messages, by the time they were asked for."""
    return f"tl:cooldown:{tenant}:{subject}"


def dispatch_queue(lane: Lane) -> str:
    """Return the queue a new job of this lane is nudged in."""
    return f"dispatch.{lane}"


def fallback_queue(provider: str) -> str:
    """Return the queue of jobs whose next sender is an account at `provider`."""
    return f"fallback.{provider}"


def broker_list(queue: str, lane: Lane) -> str:
    """Return the Redis list that holds the nudges of one lane of one queue."""
    if queue.startswith("fallback.") and lane.broker_priority:
        return f"{queue}{PRIORITY_SEPARATOR}{lane.broker_priority}"
    return queue


DISPATCH_QUEUES: Final = tuple(dispatch_queue(lane) for lane in Lane)
FALLBACK_QUEUES: Final = tuple(fallback_queue(provider) for provider in FALLBACK_PROVIDERS)
ALL_QUEUES: Final = (*DISPATCH_QUEUES, *FALLBACK_QUEUES, MAINTENANCE_QUEUE)
OURS: Final = frozenset(ALL_QUEUES)

#: the keys of strings that are sealed as a whole, with the key ring.
SEALED: Final = (COUNTER_KEY,)
