"""Reads every place of a database at once and says what contradicts the rules of places."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.journal import TextRedis, named_in
from trunkline_client import keys
from trunkline_client.words import FINISHED, JobState, Lane, Place

_STATES = {
    Place.LANE: {JobState.QUEUED, JobState.RECONCILING},
    Place.WAITING: {JobState.QUEUED},
    Place.DELAYED: {JobState.SCHEDULED, JobState.QUEUED, JobState.RECONCILING},
    Place.ATTEMPT: {JobState.DISPATCHING, JobState.RECONCILING},
    Place.HELD: {JobState.HELD},
    Place.GATE: {JobState.QUEUED},
}
_LISTINGS = (f"{keys.JOBS}:", keys.UNFINISHED, "tl:ended:", keys.REFERENCES)
_INDEXES = tuple(f"tl:{name}" for name in ("window", "placed", "front", "waiting", "delayed", "leases", "held"))
_GATE_INDEXES = (":waiting", ":lives")
_CLOCKS_DIFFER_MS = 100


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything in the database at one moment.

    Attributes:
        records: the hash of every job by id.
        lives: the time to live of every record in ms, -1 for none.
        sets: the members of every set and sorted set by key.
        numbers: the plain values by key.
        nudges: the `{job}.{hop}` of each nudge in the broker's lists, the message served next last.
    """

    records: dict[str, dict[str, str]] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    sets: dict[str, dict[str, float]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    nudges: dict[str, list[str]] = field(default_factory=dict)

    def members(self, key: str) -> dict[str, float]:
        """Return a set's members, empty if there is no such key."""
        return self.sets.get(key, {})


# One answer of one string: redis-py reads nested answers line by line, which took two thirds of the time of a test.
_READ = """
local read = { string = 'GET', hash = 'HGETALL', set = 'SMEMBERS' }
local found = {}
for _, name in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', name).ok
  local value
  if kind == 'list' then
    value = redis.call('LRANGE', name, 0, -1)
  elseif kind == 'zset' then
    value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  elseif read[kind] then
    value = redis.call(read[kind], name)
  end
  found[#found + 1] = { name, kind, value or false, redis.call('PTTL', name) }
end
return cjson.encode(found)
"""


async def picture(redis: TextRedis) -> Picture:
    """Return everything in the database at one moment."""
    found = Picture()
    for name, kind, value, life_ms in json.loads(await redis.eval(_READ, 0)):
        match kind:
            case "hash" if name.startswith("tl:job:"):
                job_id = name.removeprefix("tl:job:")
                found.records[job_id] = dict(zip(value[::2], value[1::2], strict=True))
                found.lives[job_id] = life_ms
            case "set":
                found.sets[name] = dict.fromkeys(value, 0.0)
            case "zset":
                found.sets[name] = dict(zip(value[::2], map(float, value[1::2]), strict=True))
            case "list" if not name.startswith("tl:"):
                found.nudges[name] = [".".join(named) for message in value for named in named_in(message)]
            case "string":
                found.numbers[name] = value
    return found


def contradictions(now: Picture, *, lane_window: int, head_starts: int, chunk_jobs: int = 16) -> list[str]:
    """Return what breaks the rules, each in a few words; none in a sound database."""
    return [
        *_misplaced(now),
        *_wrong_ends(now),
        *_wrong_windows(now, lane_window, chunk_jobs),
        *_wrong_credits(now, head_starts),
        *_wrong_unsettled(now),
        *_wrong_calls(now),
        *_wrong_gates(now),
        *_wrong_listings(now),
    ]


def _misplaced(now: Picture) -> Iterator[str]:
    """Every unfinished job is in exactly one place, and only the indexes of that place hold it."""
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for key, members in now.sets.items():
        if key.startswith(_INDEXES) or (key.startswith("tl:gate:") and key.endswith(_GATE_INDEXES)):
            for job_id in members:
                holders[job_id].add(key)
    for job_id in holders.keys() - now.records.keys():
        yield f"{job_id} has no record and is in {holders[job_id]}"
    for job_id, job in now.records.items():
        wanted = _wanted(job)
        if holders[job_id] != wanted:
            yield f"{job_id} is in {holders[job_id]}, not in {wanted}"
        place = job.get("place")
        if job["queue"].startswith("dispatch.") and job["queue"] != keys.dispatch_queue(Lane(job["lane"])):
            yield f"{job_id} is {job['lane']} and in the queue {job['queue']}"
        if place and job["state"] not in _STATES[Place(place)]:
            yield f"{job_id} is {job['state']} in {place}"
        if place == Place.ATTEMPT and now.members(keys.LEASES).get(job_id) != float(job["lease_ms"]):
            yield f"{job_id} has two ends of its lease"


def _wanted(job: dict[str, str]) -> set[str]:
    """Return the keys that must hold a job."""
    place = job.get("place")
    queue, lane, tenant = job["queue"], Lane(job["lane"]), job["tenant"]
    match place:
        case Place.LANE:
            index = keys.front(queue, lane) if job["front"] == "1" else keys.placed(queue, lane)
            return {keys.window(queue, lane, tenant), index}
        case Place.WAITING:
            return {keys.waiting(queue, lane, tenant)}
        case Place.DELAYED:
            return {keys.DELAYED}
        case Place.ATTEMPT:
            return {keys.LEASES}
        case Place.HELD:
            return {keys.HELD}
        case Place.GATE:
            return {keys.gate(job["gate"], "waiting"), keys.gate(job["gate"], "lives")}
        case _:
            return set()


def _wrong_ends(now: Picture) -> Iterator[str]:
    """A finished job has no place, an end in sight, and no more content than it needs."""
    for job_id, job in now.records.items():
        finished, ends = job["state"] in FINISHED, job_id in {one.split(" ")[0] for one in now.members(keys.FORGET)}
        if not (finished == ("place" not in job) == ("finished_ms" in job) == ends == (now.lives[job_id] > 0)):
            yield f"{job_id} is {job['state']} with place {job.get('place')}, kept for {now.lives[job_id]} ms"
        if (job["state"] == JobState.FAILED) != (job_id in now.members(keys.DEAD)):
            yield f"{job_id} is {job['state']}, and its place in the dead-letter view disagrees"
        if job.get("place") != Place.ATTEMPT and {"owner", "lease_ms", "open"} & job.keys():
            yield f"{job_id} is {job['state']} and still in hand"
        if job["state"] in FINISHED - {JobState.FAILED, JobState.EXPIRED} and "content" in job:
            yield f"{job_id} is {job['state']} and keeps its content"
        if "last_finish" in job and job.get("content", "").startswith("plain:"):
            yield f"{job_id} outlived a pass with its content in clear"
    if now.members(keys.DAMAGED):
        yield f"damaged: {now.members(keys.DAMAGED)}"


def _wrong_windows(now: Picture, lane_window: int, chunk_jobs: int) -> Iterator[str]:
    """New jobs do not exceed it but by front nudges, none waits beside room, and the sweeper knows who waits."""
    for key, members in now.sets.items():
        if key.startswith("tl:window:"):
            jobs = [now.records.get(one, {}) for one in members]
            ordinary = [job for job in jobs if job.get("front") == "0" and "claimed_ms" not in job]
            if len(ordinary) > lane_window:
                yield f"{key} holds {len(ordinary)} ordinary nudges"
        if key.startswith("tl:waiting:"):
            room = lane_window - len(now.members(key.replace(":waiting:", ":window:", 1)))
            if room >= min(chunk_jobs, lane_window, len(members)):
                yield f"{key} waits beside room"
            if key not in now.members("tl:waiters"):
                yield f"{key} is unknown to the sweeper"


def _wrong_credits(now: Picture, head_starts: int) -> Iterator[str]:
    for key, left in now.numbers.items():
        if key.startswith("tl:head:") and not 0 <= int(left) < head_starts:
            yield f"{key} is {left}"


def _wrong_calls(now: Picture) -> Iterator[str]:
    """The open attempts, and only they, are known to those that look for messages like theirs."""
    wanted = {f"{job_id}.a{job['open']}" for job_id, job in now.records.items() if "open" in job}
    known = {attempt for key, attempts in now.sets.items() if key.startswith("tl:calling:") for attempt in attempts}
    if wanted != known:
        yield f"the open attempts are {wanted}, those known to others {known}"


def _wrong_gates(now: Picture) -> Iterator[str]:
    """No more run at once than may, those that run are known and nobody else is, and every gate in use is looked at."""
    wanted = {
        (job["gated"], f"{job_id}.a{job['open']}")
        for job_id, job in now.records.items()
        if {"gated", "open"} <= job.keys()
    }
    gates = {key.removeprefix("tl:gate:").rpartition(":")[0] for key in now.sets if key.startswith("tl:gate:")}
    known = {
        (gate, attempt)
        for gate in gates
        for attempt in now.members(keys.gate(gate, "open"))
        if not attempt.startswith("called ")
    }
    if wanted != known:
        yield f"the attempts behind gates are {wanted}, those that their gates know {known}"
    for gate in gates:
        waiting, called = now.members(keys.gate(gate, "waiting")), now.members(keys.gate(gate, "called"))
        if (waiting or called) and gate not in now.members(keys.GATES_DUE):
            yield f"nobody looks at {gate}"
        taken = now.members(keys.gate(gate, "open"))
        kept = {one.removeprefix("called ") for one in taken if one.startswith("called ")}
        if gate.startswith("requests:") and kept != called.keys():
            yield f"{gate} keeps room for {kept}, and has called {called.keys()}"
        most = float(now.numbers.get(keys.gate(gate, "most"), "inf"))
        is_looked_at = now.members(keys.GATES_DUE).get(gate, 0) <= time.time() * 1000
        if gate.startswith("segments:") and waiting and not is_looked_at:
            head = now.records[min(waiting, key=lambda job_id: waiting[job_id])]
            left_ms = float(now.numbers.get(keys.gate(gate, "empty"), 0)) - time.time() * 1000
            left_ms = max(left_ms, len(called) * float(head["gate_cost"]))
            if left_ms < float(head["gate_ahead"]) - _CLOCKS_DIFFER_MS:
                yield f"somebody waits at {gate}, whose queue is short enough"
        if gate.startswith("requests:") and waiting and len(taken) < most and not is_looked_at:
            yield f"somebody waits at {gate}, where there is room"


def _wrong_listings(now: Picture) -> Iterator[str]:
    """Every job is listed by its creation, its end and its reference, and nothing else is."""
    wanted: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for job_id, job in now.records.items():
        created = float(job["created_ms"])
        ends = keys.UNFINISHED if job["state"] not in FINISHED else keys.ended(JobState(job["state"]))
        for key in {keys.JOBS, keys.jobs(job["tenant"]), ends} - {keys.ended(JobState.SENT)}:
            wanted[key][job_id] = created
        reference = json.loads(job.get("options") or "{}").get("reference")
        if reference is not None:
            wanted[keys.REFERENCES][f"{reference}\n{int(created):013}\n{job_id}"] = 0
    listed = {key: members for key, members in now.sets.items() if key == keys.JOBS or key.startswith(_LISTINGS)}
    for key in wanted.keys() | listed.keys():
        if wanted[key] != listed.get(key, {}):
            yield f"{key} is {listed.get(key)}, not {wanted[key]}"


def _wrong_unsettled(now: Picture) -> Iterator[str]:
    """Every job that has to find out how an attempt ended is among its tenant's unsettled ones, and no ended one is."""
    for job_id, job in now.records.items():
        is_unsettled = job_id in now.members(keys.unsettled(job["tenant"]))
        if "reconciling" in job and "place" in job and not is_unsettled:
            yield f"{job_id} is not among the unsettled ones"
        if "place" not in job and is_unsettled:
            yield f"{job_id} is {job['state']} and among the unsettled ones"


def unfinished(now: Picture) -> dict[str, dict[str, Any]]:
    """Return the jobs that somebody still has to end, those held for an operator left out."""
    return {job_id: job for job_id, job in now.records.items() if job["state"] not in {*FINISHED, JobState.HELD}}
