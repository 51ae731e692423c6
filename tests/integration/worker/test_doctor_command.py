"""`trunkline doctor`, over a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from senders.accounts import seal_token
from senders.document import encode
from senders.secrets import KeyRing
from tests.support.cli import Ran, run_cli
from tests.support.redis_server import RedisServer, free_port
from tests.support.sender_samples import phone, tenant, twilio
from trunkline_client import Trunkline, keys
from trunkline_client.private import Token

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[RedisServer]:
    """A server as docs/redis.md wants it."""
    with RedisServer(tmp_path, aof=True, options=("--hash-max-ziplist-value", "1024")) as server:
        yield server


def doctor(redis_url: str, *arguments: str, **variables: str) -> Ran:
    return run_cli(
        "doctor", *arguments, env={"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": KEY} | variables
    )


def found(ran: Ran, check: str) -> dict[str, Any]:
    """Return the findings of one check by name."""
    (checked,) = [one for one in ran.json["checks"] if one["name"] == check]
    return {finding["name"]: finding for finding in checked["findings"]}


def names(ran: Ran) -> set[str]:
    """Return the names of everything that was found."""
    return {finding["name"] for check in ran.json["checks"] for finding in check["findings"]}


def not_checked(ran: Ran) -> set[str]:
    return {check["name"] for check in ran.json["checks"] if check["not_checked"]}


def test_a_fresh_installation_is_told_what_it_lacks_and_nothing_else(safe: RedisServer) -> None:
    ran = doctor(safe.url)

    lines = [line for line in ran.out.splitlines() if not line.startswith("    ")]
    assert (ran.code, ran.err) == (1, "")
    assert lines == [
        "settings: ok",
        "redis: ok",
        "broker: ok",
        "queues: ok",
        "workers:",
        "  error no_worker: no worker answers",
        "jobs: ok",
        "tenants:",
        "  hint no_tenant: no tenant is configured",
        "keys: ok",
        "senders: not checked (--senders asks each account whether it may still send)",
    ]
    assert "trunkline worker" in ran.out
    assert "trunkline apply FILE" in ran.out


def test_json_says_the_same_in_one_form(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--json")

    assert set(ran.json) == {"ok", "checks"}
    assert all(set(check) == {"name", "findings", "not_checked"} for check in ran.json["checks"])
    assert set(found(ran, "workers")["no_worker"]) == {"name", "severity", "what", "why", "fix"}
    assert (ran.json["ok"], names(ran), not_checked(ran)) == (False, {"no_worker", "no_tenant"}, {"senders"})


def test_nothing_is_left_behind(safe: RedisServer) -> None:
    doctor(safe.url)
    with Redis.from_url(safe.url, decode_responses=True) as redis:
        assert [key for key in redis.keys("*") if not key.startswith("_kombu.")] == []


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

    assert found(ran, "redis")["foreign"]["severity"] == "warning"


def test_every_wrong_setting_is_named_at_once(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--json", TRUNKLINE_LEASE_S="1", TRUNKLINE_CONCURRENCY="0")
    assert ran.code == 1
    assert set(found(ran, "settings")) == {"TRUNKLINE_LEASE_S", "TRUNKLINE_CONCURRENCY"}
    assert not_checked(ran) == {"redis", "broker", "queues", "workers", "jobs", "tenants", "keys", "senders"}


def test_a_wrong_setting_that_is_not_about_redis_hides_only_what_needs_it(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--json", TRUNKLINE_SECRET_KEYS="short")
    assert set(found(ran, "settings")) == {"TRUNKLINE_SECRET_KEYS"}
    assert not_checked(ran) == {"keys", "senders"}


def test_an_unreachable_redis_is_one_finding() -> None:
    ran = doctor(f"redis://:hidden@127.0.0.1:{free_port()}/0", "--json")
    assert ran.code == 1
    assert "Redis cannot be reached" in found(ran, "redis")["reachable"]["what"]
    assert names(ran) == {"reachable"}
    assert not_checked(ran) == {"broker", "queues", "workers", "jobs", "tenants", "keys", "senders"}
    assert "hidden" not in ran.out + ran.err


def test_an_address_that_is_none_is_told_once() -> None:
    ran = doctor("http://redis", "--json")
    assert (ran.code, names(ran)) == (1, {"TRUNKLINE_REDIS_URL"})


def test_a_user_who_may_ask_nothing_gets_to_know_what_is_not_known(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.execute_command("ACL", "SETUSER", "poor", "on", ">p", "+ping", "+time", "+client|setname", "+select")

    ran = doctor(safe.url.replace("redis://", "redis://poor:p@"), "--json")

    assert {one["severity"] for one in found(ran, "redis").values()} == {"unknown"}
    assert "does not allow it to this user" in found(ran, "broker")["broker"]["what"]
    assert {"workers", "tenants", "keys"} <= not_checked(ran)


def test_a_full_redis_is_told_as_what_it_is(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.config_set("maxmemory", "1")

    ran = doctor(safe.url, "--json")

    assert (found(ran, "redis")["memory"]["severity"], set(found(ran, "broker"))) == ("error", {"broker"})
    assert "workers" in not_checked(ran)


def test_messages_that_nobody_takes_are_told_by_the_names_of_their_lists(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.lpush("celery", "a message of somebody", "another")
        redis.lpush("dispatch.urgent\x06\x169", "a job")
        redis.lpush("orders", "something else's")
        redis.lpush("dispatch.normal", "a nudge")

    queues = found(doctor(safe.url, "--json"), "queues")

    assert "celery (2), orders (1)" in queues["stray"]["what"]
    assert "dispatch.urgent priority 9 (1)" in queues["priority"]["what"]
    assert "dispatch.normal (" not in queues["stray"]["what"]


def test_a_configuration_that_cannot_be_read_hides_no_other(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.sadd("tl:tenants", "broken", "empty")
        redis.hset("tl:config:broken", mapping={"version": 1, "document": "{"})
        document = '{"v":1,"senders":{},"policies":{},"default_chain":[],"retired":[]}'
        redis.hset("tl:config:empty", mapping={"version": 1, "document": document})

    tenants = found(doctor(safe.url, "--json"), "tenants")

    assert tenants["unreadable_tenant"]["what"].endswith(": broken")
    assert tenants["no_chain"]["what"].endswith(": empty")


def test_whose_accounts_to_ask_goes_with_asking_them(safe: RedisServer) -> None:
    ran = doctor(safe.url, "--tenant", "acme")
    assert (ran.code, "--senders" in ran.err) == (2, True)


def test_a_tenant_that_is_not_there_is_told(safe: RedisServer) -> None:
    assert set(found(doctor(safe.url, "--senders", "--tenant", "acme", "--json"), "senders")) == {"unknown_tenant"}


def test_a_queue_that_fills_up_is_told_by_lane_age_and_what_came_of_the_jobs(safe: RedisServer) -> None:
    with Trunkline(safe.url) as trunkline, Redis.from_url(safe.url, decode_responses=True) as redis:
        jobs = [{"tenant": "acme", "channel": "sms", "to": "+12015550123", "body": str(n)} for n in range(100)]
        trunkline.send_many([{**job, "priority": "urgent"} for job in jobs])
        now_ms = round(time.time() * 1000)
        for key in redis.scan_iter("tl:job:*"):
            redis.hset(key, "due_ms", now_ms - 60_000)
        for job_id, ended_ms in (("failed-1", now_ms), ("failed-0", now_ms - 2 * 3_600_000)):
            redis.hset(keys.job(job_id), mapping={"fault": "auth", "finished_ms": ended_ms})
            redis.zadd(keys.DEAD, {job_id: now_ms})
        redis.hset(keys.job("expired-1"), "finished_ms", now_ms)
        redis.zadd("tl:ended:expired", {"expired-1": now_ms})
        redis.zadd("tl:held", {"held-1": now_ms})
        redis.zadd("tl:damaged", {"damaged-1": now_ms})
        redis.zadd("tl:delayed", {"due-1": now_ms - 60_000})

        ran = doctor(safe.url, "--json")

    told = found(ran, "jobs")
    assert set(told) == {"late", "overdue", "dead_letters", "expired", "held", "damaged"}
    assert told["late"]["what"].startswith("jobs that wait in dispatch.urgent: 100, the oldest for ")
    assert told["dead_letters"]["what"] == "1 job failed within the last hour: auth 1"
    assert "held-1" in told["held"]["what"]
    assert "damaged-1" in told["damaged"]["what"]


def test_a_credential_that_was_copied_in_redis_is_told_by_its_new_place(safe: RedisServer) -> None:
    sealed = seal_token(KeyRing([KEY]), "acme", "own", Token("a-token"))
    config = tenant(twilio(phone("+14155550100"), sealed_secret=sealed), default_chain=("own",))
    with Redis.from_url(safe.url) as redis:
        redis.sadd("tl:tenants", "acme", "copy")
        for name in ("acme", "copy"):
            redis.hset(f"tl:config:{name}", mapping={"version": 1, "document": encode(config)})

    keys_found = found(doctor(safe.url, "--json"), "keys")

    assert set(keys_found) == {"misplaced_secret"}
    assert keys_found["misplaced_secret"]["what"].endswith(": copy/own")


def test_a_check_that_fails_hides_no_other(safe: RedisServer) -> None:
    with Redis.from_url(safe.url) as redis:
        redis.set("tl:tenants", "no set")
        redis.set("tl:held", "no sorted set")
        redis.lpush("celery", "a message")

    ran = doctor(safe.url, "--json")

    assert not_checked(ran) == {"jobs", "tenants", "keys", "senders"}
    assert names(ran) == {"foreign", "stray", "no_worker"}
