from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from redis.exceptions import NoPermissionError

from worker.finding import Severity
from worker.redis_facts import RedisTooOld, read_facts, warn_of_unsafe
from worker.redis_health import ServerFacts, findings_of

#: What a Redis says that is as it should be.
GOOD = {
    "redis_version": "7.0.15",
    "cluster_enabled": "0",
    "role": "master",
    "connected_slaves": "0",
    "maxmemory": str(100 << 20),
    "maxmemory_policy": "noeviction",
    "used_memory": str(10 << 20),
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
}
EVERYSEC = {"appendfsync": "everysec"}

BAD: list[tuple[dict[str, str], str, Severity]] = [
    ({"redis_version": "6.0.16"}, "version", Severity.ERROR),
    ({"redis_version": "5.0.3"}, "version", Severity.ERROR),
    ({"cluster_enabled": "1"}, "cluster", Severity.ERROR),
    ({"role": "slave"}, "role", Severity.ERROR),
    ({"maxmemory_policy": "allkeys-lru"}, "eviction", Severity.ERROR),
    ({"maxmemory_policy": "volatile-ttl"}, "eviction", Severity.ERROR),
    ({"maxmemory_policy": "allkeys-lru", "maxmemory": "0"}, "eviction", Severity.WARNING),
    ({"aof_enabled": "0"}, "persistence", Severity.ERROR),
    ({"aof_last_write_status": "err"}, "disk", Severity.ERROR),
    ({"rdb_last_bgsave_status": "err"}, "disk", Severity.ERROR),
    ({"connected_slaves": "1"}, "replicas", Severity.WARNING),
    ({"used_memory": str(95 << 20)}, "memory", Severity.WARNING),
    ({"used_memory": str(100 << 20)}, "memory", Severity.ERROR),
]

GOOD_TOO: list[dict[str, str]] = [
    {},
    {"redis_version": "6.2.0"},
    {"redis_version": "7.2.4", "valkey_version": "9.1.2"},
    {"redis_version": "10.0.0"},
    {"maxmemory": "0", "used_memory": str(100 << 30)},
    {"connected_slaves": "2", "min_slaves_good_slaves": "2"},
]


@pytest.mark.parametrize(("difference", "name", "severity"), BAD)
def test_each_danger_is_found_alone(difference: dict[str, str], name: str, severity: Severity) -> None:
    (found,) = findings_of(ServerFacts(GOOD | difference, EVERYSEC))
    assert (found.name, found.severity) == (name, severity)


@pytest.mark.parametrize("difference", GOOD_TOO)
def test_a_good_redis_has_no_finding(difference: dict[str, str]) -> None:
    assert findings_of(ServerFacts(GOOD | difference, EVERYSEC)) == []


@pytest.mark.parametrize(
    ("config", "severity"),
    [({"appendfsync": "no"}, [Severity.ERROR]), ({}, [Severity.UNKNOWN]), ({"appendfsync": "always"}, [])],
)
def test_when_the_file_is_written_is_told_or_said_to_be_unknown(
    config: dict[str, str], severity: list[Severity]
) -> None:
    assert [found.severity for found in findings_of(ServerFacts(GOOD, config))] == severity


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"hash-max-listpack-value": "64"}, ["compact"]),
        ({"hash-max-ziplist-value": "512"}, ["compact"]),
        ({"hash-max-listpack-value": "1024", "hash-max-ziplist-value": "1024"}, []),
        ({}, []),
    ],
)
def test_a_redis_that_takes_more_memory_than_it_must_is_a_hint(config: dict[str, str], found: list[str]) -> None:
    findings = findings_of(ServerFacts(GOOD, EVERYSEC | config))
    assert [one.name for one in findings] == found
    assert {one.severity for one in findings} <= {Severity.HINT}


@pytest.mark.parametrize(("skew_ms", "count"), [(0, 0), (2_000, 0), (-2_000, 0), (2_001, 1), (-60_000, 1)])
def test_clocks_may_be_two_seconds_apart(skew_ms: int, count: int) -> None:
    assert len(findings_of(ServerFacts(GOOD, EVERYSEC, skew_ms=skew_ms))) == count


def test_the_gravest_comes_first() -> None:
    facts = ServerFacts(GOOD | {"connected_slaves": "1", "aof_enabled": "0"}, {}, foreign_keys=3)
    assert [found.severity for found in findings_of(facts)] == ["error", "warning", "warning"]


class FakeRedis:
    """Answers what a server would, in text."""

    def __init__(self, info: Mapping[str, Any] | None, *keys: str, seconds: int = 1_000) -> None:
        self._info = info
        self._keys = list(keys)
        self._seconds = seconds

    async def execute_command(self, *command: Any) -> Any:
        match command[0]:
            case "INFO" if self._info is not None:
                return self._info
            case "SCAN":
                return 0, self._keys
        raise NoPermissionError("this user has no permissions to run it")

    async def time(self) -> tuple[int, int]:
        return self._seconds, 500_000


async def test_a_server_that_is_too_old_is_refused_in_one_line() -> None:
    redis: Any = FakeRedis({"redis_version": "6.0.16"})
    with pytest.raises(RedisTooOld, match=r"^this is Redis 6\.0\.16; Trunkline needs 6\.2 or newer, or Valkey$"):
        await warn_of_unsafe(redis)


async def test_a_server_that_tells_nothing_is_no_error() -> None:
    redis: Any = FakeRedis(None)
    facts = await read_facts(redis)
    await warn_of_unsafe(redis)
    assert {found.severity for found in findings_of(facts)} <= {Severity.UNKNOWN, Severity.WARNING}


async def test_the_clock_of_redis_is_compared_with_ours() -> None:
    redis: Any = FakeRedis(GOOD, seconds=1_010)
    assert (await read_facts(redis, clock=lambda: 1_000.0)).skew_ms == 10_500


async def test_keys_of_others_are_counted_and_ours_are_not() -> None:
    ours = ("tl:job:1", "dispatch.urgent", "fallback.syniverse\x06\x163", "_kombu.binding.celeryev", "unacked_index")
    redis: Any = FakeRedis(GOOD, *ours, "0a1.reply.celery.pidbox", "session:5", "cache")
    assert (await read_facts(redis)).foreign_keys == 2
