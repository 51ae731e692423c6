"""What makes a Redis unsafe to run Trunkline on: rules over what the server tells about itself. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from worker.finding import Finding, Severity, gravest_first

LEAST_VERSION: Final = (6, 2)
#: Lookups allow 5 s between the clocks of Redis and of a provider; an operator should hear of it before.
MOST_SKEW_MS: Final = 2_000
_NEARLY_FULL: Final = 0.9
#: No value of a job's record but its text is longer than this (docs/performance.md).
COMPACT_VALUE_BYTES: Final = 1024
#: How Redis 7 and newer, and how 6.2, call the longest value of a hash that is kept in one block.
COMPACT_SETTINGS: Final = ("hash-max-listpack-value", "hash-max-ziplist-value")


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server tells about itself.

    Attributes:
        info: the fields of INFO as text; empty where the user may not ask.
        config: settings by name; empty where the user may not ask, or the service hides them.
        skew_ms: how far its clock is ahead of ours.
        foreign_keys: how many of a small sample of keys are neither ours nor the broker's.
    """

    info: Mapping[str, str]
    config: Mapping[str, str]
    skew_ms: int = 0
    foreign_keys: int = 0

    def number(self, field: str) -> int:
        """Return a field of INFO as a number, 0 if it is not there."""
        return int(self.info.get(field) or 0)


def findings_of(facts: ServerFacts) -> list[Finding]:
    """Return everything worth telling about a server, the gravest first."""
    return gravest_first(finding for rule in _RULES if (finding := rule(facts)) is not None)


def version_of(facts: ServerFacts) -> tuple[int, ...] | None:
    """Return the version, None where the server does not tell; Valkey names the Redis that it is compatible with."""
    numbers = re.findall(r"\d+", facts.info.get("redis_version", ""))
    return tuple(map(int, numbers[:2])) if numbers else None


def is_too_old(facts: ServerFacts) -> bool:
    """Return whether the server is older than the oldest that Trunkline can run on."""
    version = version_of(facts)
    return version is not None and version < LEAST_VERSION


def _silent(facts: ServerFacts) -> Finding | None:
    if facts.info:
        return None
    return Finding(
        "info",
        Severity.UNKNOWN,
        "this user may not ask INFO, so nothing can be said about persistence, eviction and memory",
        "a Redis that evicts keys or keeps no file loses jobs",
        "allow it: ACL SETUSER NAME +info",
    )


def _version(facts: ServerFacts) -> Finding | None:
    if not is_too_old(facts):
        return None
    return Finding(
        "version",
        Severity.ERROR,
        f"this is Redis {facts.info['redis_version']}",
        "scripts and broker use commands of 6.2",
        "run Redis 6.2 or newer, or Valkey",
    )


def _cluster(facts: ServerFacts) -> Finding | None:
    if facts.info.get("cluster_enabled") != "1":
        return None
    return Finding(
        "cluster",
        Severity.ERROR,
        "this server is a node of a Redis Cluster",
        "a job and its indexes are changed in one step, which a cluster cannot do over its slots",
        "run one master with replicas, with Sentinel or a managed failover",
    )


def _role(facts: ServerFacts) -> Finding | None:
    if facts.info.get("role", "master") == "master":
        return None
    return Finding(
        "role",
        Severity.ERROR,
        "this server is a replica",
        "nothing can be written to it",
        "let TRUNKLINE_REDIS_URL name the master, or the Sentinels with sentinel://",
    )


def _eviction(facts: ServerFacts) -> Finding | None:
    policy = facts.info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return None
    limited = facts.number("maxmemory") > 0
    return Finding(
        "eviction",
        Severity.ERROR if limited else Severity.WARNING,
        f"maxmemory-policy is {policy}" + ("" if limited else ", though there is no maxmemory yet"),
        "when memory runs out, Redis drops keys: jobs are lost, and attempts that it forgot are made again",
        "CONFIG SET maxmemory-policy noeviction, and in redis.conf",
    )


def _append_only_file(facts: ServerFacts) -> Finding | None:
    if facts.info.get("aof_enabled", "1") == "1":
        return None
    return Finding(
        "persistence",
        Severity.ERROR,
        "there is no append-only file",
        "a restart loses every job since the last snapshot, and attempts that were made are made again",
        "CONFIG SET appendonly yes, and in redis.conf",
    )


def _fsync(facts: ServerFacts) -> Finding | None:
    if facts.info.get("aof_enabled", "0") != "1" or facts.config.get("appendfsync") in {"everysec", "always"}:
        return None
    known = "appendfsync" in facts.config
    return Finding(
        "fsync",
        Severity.ERROR if known else Severity.UNKNOWN,
        "appendfsync is no" if known else "this user may not read appendfsync",
        "the operating system decides how many seconds of jobs a crash of the machine loses",
        "CONFIG SET appendfsync everysec, or always",
    )


def _last_write(facts: ServerFacts) -> Finding | None:
    failed = [name for name in ("aof_last_write_status", "rdb_last_bgsave_status") if facts.info.get(name) == "err"]
    if not failed:
        return None
    return Finding(
        "disk",
        Severity.ERROR,
        f"the last write to disk failed ({', '.join(failed)})",
        "what is confirmed now is lost with a restart, or Redis refuses every write",
        "look at its log; free the disk; BGREWRITEAOF or BGSAVE",
    )


def _replicas(facts: ServerFacts) -> Finding | None:
    if facts.number("connected_slaves") == 0 or "min_slaves_good_slaves" in facts.info:
        return None
    return Finding(
        "replicas",
        Severity.WARNING,
        "there are replicas, and min-replicas-to-write is 0",
        "a master that is cut off goes on confirming jobs, which the failover loses",
        "CONFIG SET min-replicas-to-write 1, with two replicas or more",
    )


def _memory(facts: ServerFacts) -> Finding | None:
    limit, used = facts.number("maxmemory"), facts.number("used_memory")
    if limit == 0 or used < _NEARLY_FULL * limit:
        return None
    return Finding(
        "memory",
        Severity.ERROR if used >= limit else Severity.WARNING,
        f"{used // 2**20} MiB of {limit // 2**20} MiB are used",
        "a full Redis refuses new jobs; recorded ones are still sent",
        "raise maxmemory, or keep finished jobs for fewer days (TRUNKLINE_FINISHED_KEEP_DAYS)",
    )


def _compact(facts: ServerFacts) -> Finding | None:
    name = next((name for name in COMPACT_SETTINGS if name in facts.config), None)
    if name is None or int(facts.config[name]) >= COMPACT_VALUE_BYTES:
        return None
    return Finding(
        "compact",
        Severity.HINT,
        f"{name} is {facts.config[name]}",
        "a job takes 1.4 to 1.9 times the memory that it must (docs/performance.md)",
        f"CONFIG SET {name} {COMPACT_VALUE_BYTES}, and in redis.conf; it applies to records written from then on",
    )


def _clock(facts: ServerFacts) -> Finding | None:
    if abs(facts.skew_ms) <= MOST_SKEW_MS:
        return None
    apart = f"{abs(facts.skew_ms) / 1000:.0f} s {'ahead of' if facts.skew_ms > 0 else 'behind'}"
    return Finding(
        "clock",
        Severity.WARNING,
        f"the clock of Redis is {apart} this machine's",
        "attempts are timed by Redis and compared with the providers' times: 5 s apart, lookups miss what was sent",
        "run NTP on both machines",
    )


def _foreign(facts: ServerFacts) -> Finding | None:
    if facts.foreign_keys == 0:
        return None
    return Finding(
        "foreign",
        Severity.WARNING,
        "this database holds keys of something else",
        "whoever else uses this Redis can fill it, flush it, and read recipients of waiting jobs",
        "give Trunkline a Redis of its own",
    )


_RULES: Final[tuple[Callable[[ServerFacts], Finding | None], ...]] = (
    _silent,
    _version,
    _cluster,
    _role,
    _eviction,
    _append_only_file,
    _fsync,
    _last_write,
    _replicas,
    _memory,
    _compact,
    _clock,
    _foreign,
)
