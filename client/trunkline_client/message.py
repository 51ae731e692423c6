"""The messages in the broker, built by hand: Celery's protocol version 2 with a plain JSON body.

A nudge names a job and carries nothing private. `place.lua` writes the same message inside Redis; a test holds the two
together. A submit message carries a whole job, for producers that can only publish to Celery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trunkline_client import keys
from trunkline_client.words import Lane

#: the version of journal records that this client writes.
RECORD_VERSION: Final = 1
#: the versions that workers of this release read: this one and the one before it, once there is one.
SUPPORTED_VERSIONS: Final = frozenset({RECORD_VERSION})

DISPATCH_TASK: Final = "trunkline.dispatch"
DISPATCH_MANY_TASK: Final = "trunkline.dispatch_many"
SUBMIT_TASK: Final = "trunkline.submit"
#: what Flower shows in place of a submitted job.
HIDDEN_ARGUMENTS: Final = "(***)"


def nudge(
    job_id: str, hop: int, tenant: str, lane: Lane, queue: str, placed_ms: int, *, front: bool = False
) -> dict[str, Any]:
    """Return the message that asks a worker to look at a job.

    Args:
        job_id: the job.
        hop: the how-many-th nudge of the job this is.
        tenant: the job's tenant.
        lane: the job's lane; in a fallback queue it is the message's priority.
        queue: the queue it goes to.
        placed_ms: Redis time, in ms since 1970.
        front: whether it is written to the serving end of its list.
    """
    headers = {"placed_ms": placed_ms} | ({"front": True} if front else {})
    return _nudge(DISPATCH_TASK, f"{job_id}.{hop}", job_id, f"'{job_id}'", tenant, lane, queue, headers)


def chunk(
    job_ids: Sequence[str], hops: Sequence[int], tenant: str, lane: Lane, queue: str, placed_ms: int
) -> dict[str, Any]:
    """Return the message that asks a worker to look at several jobs.

    Its header `jobs` says how many there are, and `hops` which nudge of each this is.

    Args:
        job_ids: the jobs, all of one tenant and lane.
        hops: the how-many-th nudge of each job this is.
        tenant: as `nudge` takes it.
        lane: as `nudge` takes it.
        queue: as `nudge` takes it.
        placed_ms: as `nudge` takes it.
    """
    headers = {"placed_ms": placed_ms, "jobs": len(job_ids), "hops": list(hops)}
    task_id = f"{job_ids[0]}.{hops[0]}~{len(job_ids)}"
    shown = "['" + "', '".join(job_ids) + "']"
    return _nudge(DISPATCH_MANY_TASK, task_id, list(job_ids), shown, tenant, lane, queue, headers)


def _nudge(
    task: str, task_id: str, named: Any, shown: str, tenant: str, lane: Lane, queue: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    properties = {
        "delivery_info": {"exchange": "", "routing_key": queue},
        "body_encoding": "utf-8",
        "delivery_tag": task_id,
    }
    return {
        "body": json.dumps([[named, tenant, lane.value], {}, {}], separators=(",", ":"), ensure_ascii=False),
        "content-type": "application/json",
        "headers": {"task": task, "id": task_id, "argsrepr": f"({shown}, '{tenant}', '{lane.value}')", **more},
        "properties": properties | ({"priority": lane.broker_priority} if queue in keys.FALLBACK_QUEUES else {}),
    }


def submit_message(job: Mapping[str, Any], task_id: str, queue: str) -> dict[str, Any]:
    """Return the message that hands over a whole job; LPUSH it, as JSON, to the list named `queue`.

    Args:
        job: the job in the JSON form of the contract; without an `id`, the task id is the job's id.
        task_id: a fresh id; the same id again is the same job.
        queue: one of the `dispatch.*` queues.
    """
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "body": json.dumps([[dict(job)], {}, embedded], separators=(",", ":"), ensure_ascii=False),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": SUBMIT_TASK,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "argsrepr": HIDDEN_ARGUMENTS,
            "kwargsrepr": "{}",
            "origin": "trunkline",
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "utf-8",
            "delivery_tag": task_id,
        },
    }
