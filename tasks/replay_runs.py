"""Keeps replay runs in Redis: what each has to do, and how far it has come, so that it can go on after an interrupt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import Any, Final, cast

from redis.asyncio import Redis

from providers.faults import Fault
from senders.audit import AuditAction, AuditEvent, FieldChange
from senders.store import AUDIT_EVENTS
from tasks import lua
from tasks.replay import Refused, Result, Terms, Why
from tasks.wanted import Wanted, moment
from trunkline_client import keys
from trunkline_client.errors import TrunklineError
from trunkline_client.words import Channel, JobState, Lane

#: How long a run is kept after its last progress; `replay.lua` keeps the list of its jobs as long.
KEEP: Final = timedelta(days=7)
#: A run of at most so many ids leaves an event in the audit for each job, any other one for its beginning and its end.
MOST_EVENTS: Final = 20
_IDS_AT_ONCE: Final = 1000


class NoSuchRun(TrunklineError):
    """There is no replay run of this id."""


class RunTaken(TrunklineError):
    """Another process carries the run out now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What has become of the jobs of a run so far; `refused` is by reason."""

    requeued: int = 0
    refused: Mapping[Why, int] = field(default_factory=dict)

    @property
    def selected(self) -> int:
        """How many jobs it has dealt with."""
        return self.requeued + sum(self.refused.values())

    def plus(self, results: Sequence[Result]) -> Counts:
        """Return the counts after these results, too."""
        refused = dict(self.refused)
        for one in results:
            if isinstance(one, Refused):
                refused[one.why] = refused.get(one.why, 0) + 1
        more = sum(not isinstance(one, Refused) for one in results)
        return Counts(requeued=self.requeued + more, refused=refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A replay run.

    Attributes:
        actor: who began it, or of a run that is resumed, who goes on with it.
        terms: on what terms it replays.
        wanted: which jobs, None for those of its list of ids.
        given: how many ids its list has.
        limit: how many jobs at most, None for all.
        began_ms: when it began; jobs that were created later are not in it. 0 before that.
        cursor: where its selection goes on, "" at the beginning.
        batch: the jobs in hand: selected, and not counted yet.
        is_over: whether it has come to its end.
    """

    id: str
    actor: str
    terms: Terms
    wanted: Wanted | None
    given: int = 0
    limit: int | None = None
    began_ms: int = 0
    noted_ms: int = 0
    cursor: str = ""
    batch: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    is_over: bool = False

    @property
    def tells_of_each_job(self) -> bool:
        """Whether each of its jobs gets an event in the audit."""
        return self.wanted is None and self.given <= MOST_EVENTS

    def said(self) -> dict[str, str]:
        """Return what it was asked to do, in the words of the command line; nothing of it is private."""
        told = dict(self.wanted.texts) if self.wanted else {"ids": str(self.given)}
        if self.wanted:
            told["state"] = ", ".join(sorted(self.wanted.states))
            moments = {"since": self.wanted.since, "until": self.wanted.until}
            told |= {name: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, at in moments.items() if at}
        ttl = self.terms.ttl and f"{self.terms.ttl.total_seconds():.0f}s"
        terms = {"limit": self.limit, "ttl": ttl, "priority": self.terms.lane, "via": self.terms.via}
        told |= {name: str(value) for name, value in terms.items() if value is not None}
        return told | ({"unknown": "yes"} if self.terms.unknown else {})


class Runs:
    """Reads and writes replay runs, for one process."""

    def __init__(self, redis: Redis, *, token: str) -> None:
        """Prepare for runs.

        Args:
            redis: a client whose answers are text.
            token: new for every process.
        """
        self._redis = redis
        self._script = lua.load(redis, "note_replay")
        self._token = token

    async def begin(self, run: Run, ids: Sequence[str] = ()) -> Run:
        """Keep a new run, and return it as it is kept.

        Where not each of its jobs gets an event in the audit, one says that it begins.
        """
        for first in range(0, len(ids), _IDS_AT_ONCE):
            await self._ask(run.id, "ids", {}, (), [str(first), *ids[first : first + _IDS_AT_ONCE]])
        run = replace(run, given=len(ids))
        asked: dict[str, str] = {
            "actor": run.actor,
            "terms": json.dumps(run.terms.as_json()),
            "wanted": json.dumps(_as_json(run.wanted)) if run.wanted else "",
            "given": str(run.given),
            "limit": str(run.limit or ""),
        }
        began_ms = await self._ask(run.id, "new", asked | _progress(run), _events(run, AuditAction.REPLAY_BEGUN))
        return replace(run, began_ms=began_ms, noted_ms=began_ms)

    async def take(self, run_id: str, actor: str) -> Run:
        """Return a run that this process carries out from now on; whoever did before is stopped.

        What it does is done by `actor`: so the audit says. The run is still kept as that of who began it.

        Raises:
            NoSuchRun: there is none of this id.
        """
        run = await self.find(run_id)
        resumed = _events(replace(run, actor=actor), AuditAction.REPLAY_RESUMED)
        await self._ask(run_id, "take", {}, () if run.is_over else resumed)
        return replace(await self.find(run_id), actor=actor)

    async def note(self, run: Run) -> None:
        """Keep how far a run has come; the one that is over says in the audit what it did.

        Raises:
            RunTaken: another process carries it out now.
        """
        await self._ask(run.id, "note", _progress(run), _events(run, AuditAction.REPLAY_ENDED) if run.is_over else ())

    async def find(self, run_id: str) -> Run:
        """Return a run as it is kept.

        Raises:
            NoSuchRun: there is none of this id.
        """
        kept = cast("dict[str, str]", await self._redis.hgetall(keys.replay(run_id)))
        if "token" not in kept:
            raise _unknown(run_id)
        return _read(run_id, kept)

    async def newest(self, most: int) -> list[Run]:
        """Return the runs that are kept, that of the last progress first."""
        ids = cast("list[str]", await self._redis.zrevrange(keys.REPLAYS, 0, most - 1))
        pipeline = self._redis.pipeline(transaction=False)
        for run_id in ids:
            pipeline.hgetall(keys.replay(run_id))
        found = zip(ids, await pipeline.execute() if ids else (), strict=True)
        return [_read(run_id, kept) for run_id, kept in found if "token" in kept]

    async def _ask(
        self, run_id: str, what: str, fields: Mapping[str, str], events: Sequence[AuditEvent], ids: Sequence[str] = ()
    ) -> int:
        """Run the script and return the time it tells, in ms."""
        told = json.dumps([event.encode() for event in events])
        arguments: list[str | int] = [run_id, self._token, what, round(KEEP / timedelta(milliseconds=1))]
        names = [keys.replay(run_id), keys.replay_ids(run_id)]
        answer = await self._script(keys=names, args=[*arguments, json.dumps(fields), told, AUDIT_EVENTS, *ids])
        if answer[0] == "unknown":
            raise _unknown(run_id)
        if answer[0] == "taken":
            raise RunTaken(f"replay {run_id} was resumed by another process, which carries it out now")
        return int(answer[1])


def _unknown(run_id: str) -> NoSuchRun:
    return NoSuchRun(
        f"there is no replay {run_id}; runs are kept for {KEEP.days} days: `trunkline replay --runs` lists them"
    )


def _progress(run: Run) -> dict[str, str]:
    return {
        "cursor": run.cursor,
        "batch": " ".join(run.batch),
        "requeued": str(run.counts.requeued),
        "refused": json.dumps(run.counts.refused),
        "over": "1" if run.is_over else "",
    }


def _read(run_id: str, kept: Mapping[str, str]) -> Run:
    refused = {Why(why): count for why, count in json.loads(kept["refused"]).items()}
    return Run(
        id=run_id,
        actor=kept["actor"],
        terms=Terms.of_json(json.loads(kept["terms"])),
        wanted=_of_json(json.loads(kept["wanted"])) if kept["wanted"] else None,
        given=int(kept["given"]),
        limit=int(kept["limit"]) if kept["limit"] else None,
        began_ms=int(kept["began_ms"]),
        noted_ms=int(kept["noted_ms"]),
        cursor=kept["cursor"],
        batch=tuple(kept["batch"].split()),
        counts=Counts(requeued=int(kept["requeued"]), refused=refused),
        is_over=bool(kept["over"]),
    )


def _events(run: Run, action: AuditAction) -> Sequence[AuditEvent]:
    if run.tells_of_each_job:
        return ()
    told = run.said()
    if action is AuditAction.REPLAY_ENDED:
        refused = {f"refused.{why}": str(count) for why, count in sorted(run.counts.refused.items())}
        told = {"selected": str(run.counts.selected), "requeued": str(run.counts.requeued)} | refused
    changes = tuple(FieldChange(name, None, value) for name, value in told.items())
    tenant = run.wanted.tenant if run.wanted else None
    return [AuditEvent(actor=run.actor, action=action, tenant=tenant or "", subject=run.id, changes=changes)]


def _as_json(wanted: Wanted) -> dict[str, Any]:
    bounds = {"since_ms": wanted.since_ms, "until_ms": wanted.until_ms}
    return {**wanted.texts, **bounds, "states": sorted(wanted.states)}


def _of_json(told: Mapping[str, Any]) -> Wanted:
    texts: dict[str, Any] = {name: value for name, value in told.items() if name in Wanted.__dataclass_fields__}
    words = {"fault": Fault, "channel": Channel, "lane": Lane}
    texts |= {name: word(told[name]) for name, word in words.items() if name in told}
    texts |= {"states": frozenset(map(JobState, told["states"]))}
    unbound = Wanted()
    bounds = [None if told[name] == getattr(unbound, name) else moment(told[name]) for name in ("since_ms", "until_ms")]
    return Wanted(**texts, since=bounds[0], until=bounds[1])
