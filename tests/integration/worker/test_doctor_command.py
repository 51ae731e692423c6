"""`trunkline doctor`, over a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from tests.support.cli import Ran, run_cli
from tests.support.redis_server import RedisServer, free_port

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that keeps an append-only file and evicts nothing."""
    with RedisServer(tmp_path, aof=True) as server:
        yield server


def doctor(redis_url: str, *arguments: str, **variables: str) -> Ran:
    return run_cli(
        "doctor", *arguments, env={"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": KEY} | variables
    )


def found(ran: Ran, check: str) -> dict[str, Any]:
    """Return the findings of one check by name."""
    (checked,) = [one for one in ran.json["checks"] if one["name"] == check]
    return {finding["name"]: finding for finding in checked["findings"]}


def test_a_safe_redis_and_good_settings_are_fine(safe: RedisServer) -> None:
    ran = doctor(safe.url)
    assert (ran.code, ran.out, ran.err) == (0, "settings: ok\nredis: ok\n", "")


def test_json_says_the_same(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--json")
    assert ran.json == {
        "ok": True,
        "checks": [{"name": "settings", "findings": []}, {"name": "redis", "findings": []}],
    }


def test_what_breaks_a_promise_is_named_with_its_fix(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.config_set("maxmemory", 1 << 30)
        redis.config_set("appendonly", "no")

    ran = doctor(safe.url)

    assert ran.code == 1
    assert "  error eviction: maxmemory-policy is allkeys-lru\n    why: " in ran.out
    assert "    fix: CONFIG SET appendonly yes, and in redis.conf\n" in ran.out


def test_what_may_do_harm_is_a_warning_and_no_failure(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.set("session:1", "somebody else's")

    ran = doctor(safe.url, "--json")

    assert (ran.code, found(ran, "redis")["foreign"]["severity"]) == (0, "warning")


def test_every_wrong_setting_is_named_at_once(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--json", TRUNKLINE_LEASE_S="1", TRUNKLINE_CONCURRENCY="0")
    assert ran.code == 1
    assert set(found(ran, "settings")) == {"TRUNKLINE_LEASE_S", "TRUNKLINE_CONCURRENCY"}
    assert found(ran, "redis") == {}


def test_an_unreachable_redis_is_one_finding() -> None:
    ran = doctor(f"redis://:hidden@127.0.0.1:{free_port()}/0", "--json")
    assert ran.code == 1
    assert "Redis cannot be reached" in found(ran, "redis")["reachable"]["what"]
    assert "hidden" not in ran.out + ran.err


def test_an_address_that_is_none_is_told_once() -> None:
    ran = doctor("http://redis", "--json")
    assert (ran.code, set(found(ran, "settings")), found(ran, "redis")) == (1, {"TRUNKLINE_REDIS_URL"}, {})


def test_a_user_who_may_ask_nothing_gets_to_know_what_is_not_known(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.execute_command("ACL", "SETUSER", "poor", "on", ">p", "+ping", "+time", "+client|setname", "+select")

    ran = doctor(safe.url.replace("redis://", "redis://poor:p@"), "--json")

    assert (ran.code, {one["severity"] for one in found(ran, "redis").values()}) == (0, {"unknown"})
